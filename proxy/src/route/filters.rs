//! What the levels of a route table say to filters, by numbers instead of names.

use std::sync::Arc;

use crate::config::http_filter as config;
use crate::config::http_filter::PerRoute;

/// The filters that a table speaks to, and the configurations it has for them.
#[derive(Debug, Default)]
pub struct Filters {
    names: Vec<Arc<str>>,
    configs: Vec<(FilterSlot, PerRoute)>,
}

/// The number of a filter's name in [`Filters`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FilterSlot(u16);

/// What one level says to filters. Most say nothing.
#[derive(Debug, Default)]
pub struct FilterSettings(Option<Box<[(FilterSlot, Setting)]>>);

/// What a filter is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Setting {
    /// It does nothing here.
    Disabled,
    /// It works here.
    Enabled,
    /// It works here by the table's configuration of that number.
    Config(u32),
}

/// The levels that a request meets, the most specific first.
#[derive(Clone, Copy, Debug)]
pub struct FilterLevels<'a> {
    pub(super) weighted: Option<&'a FilterSettings>,
    pub(super) route: &'a FilterSettings,
    pub(super) virtual_host: &'a FilterSettings,
    pub(super) table: &'a FilterSettings,
}

// === impl Filters ===

impl Filters {
    /// What a level says.
    pub(super) fn settings(&mut self, level: &[config::PerFilter]) -> FilterSettings {
        let settings = level.iter().map(|entry| {
            let slot = self.slot_or_new(&entry.name);
            let setting = match &entry.setting {
                config::Setting::Disabled => Setting::Disabled,
                config::Setting::Enabled => Setting::Enabled,
                config::Setting::Config(config) => {
                    self.configs.push((slot, config.clone()));
                    // A file that fits into memory does not have as many.
                    Setting::Config(u32::try_from(self.configs.len() - 1).unwrap_or(u32::MAX))
                }
            };
            (slot, setting)
        });
        let settings: Box<[_]> = settings.collect();
        FilterSettings((!settings.is_empty()).then_some(settings))
    }

    /// The number of a filter; none if the table does not speak to it.
    pub fn slot(&self, name: &str) -> Option<FilterSlot> {
        let index = self.names.iter().position(|known| **known == *name)?;
        u16::try_from(index).ok().map(FilterSlot)
    }

    /// The configurations, by their numbers, each with the filter that it is for.
    pub fn configs(&self) -> &[(FilterSlot, PerRoute)] {
        &self.configs
    }

    fn slot_or_new(&mut self, name: &Arc<str>) -> FilterSlot {
        self.slot(name).unwrap_or_else(|| {
            // Beyond that many names a filter hears what is meant for another; nobody has them.
            let slot = FilterSlot(u16::try_from(self.names.len()).unwrap_or(u16::MAX));
            self.names.push(name.clone());
            slot
        })
    }
}

// === impl FilterSettings ===

impl FilterSettings {
    fn get(&self, slot: FilterSlot) -> Option<Setting> {
        let settings = self.0.as_ref()?;
        settings.iter().find(|(filter, _)| *filter == slot).map(|(_, setting)| *setting)
    }
}

// === impl FilterLevels ===

impl<'a> FilterLevels<'a> {
    /// What the levels say to a filter, the most specific first.
    pub fn all(self, slot: FilterSlot) -> impl DoubleEndedIterator<Item = Setting> + use<'a> {
        let Self { weighted, route, virtual_host, table } = self;
        let levels = [weighted, Some(route), Some(virtual_host), Some(table)];
        levels.into_iter().flatten().filter_map(move |level| level.get(slot))
    }
}
