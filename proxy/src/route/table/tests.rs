//! Which virtual host and which route a head meets.

use super::super::{Action, Head, Table};
use crate::config::headers::HeaderMutations;
use crate::config::route::{
    self as config, Forward, PathMatch, RouteConfiguration, RouteMatch, VirtualHost,
};

fn route(path: PathMatch, cluster: &str) -> config::Route {
    let cluster = cluster.to_owned();
    config::Route {
        headers: HeaderMutations::default(),
        name: String::new(),
        matcher: RouteMatch { path, case_sensitive: true },
        action: config::Action::Forward(Forward {
            cluster,
            timeout: None,
            cluster_not_found_status: 503,
        }),
    }
}

fn host(name: &str, domains: &[&str], routes: Vec<config::Route>) -> VirtualHost {
    VirtualHost {
        headers: HeaderMutations::default(),
        name: name.to_owned(),
        domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        routes,
    }
}

fn table(virtual_hosts: Vec<VirtualHost>) -> Table {
    Table::new(&RouteConfiguration { virtual_hosts, ..RouteConfiguration::default() })
}

fn cluster_for<'a>(table: &'a Table, host: &str, path: &str) -> Option<&'a str> {
    match &table.select(&Head { host, path })?.route.action {
        Action::Forward(forward) => Some(table.clusters().name(forward.cluster)),
        Action::DirectResponse(_) => None,
    }
}

#[test]
fn the_closest_domain_wins() {
    let to = |name: &str| vec![route(PathMatch::Prefix(String::from("/")), name)];
    let table = table(vec![
        host("any", &["*"], to("any")),
        host("prefix", &["www.*"], to("prefix")),
        host("suffix", &["*.example.com"], to("suffix")),
        host("longer", &["*.a.example.com"], to("longer")),
        host("exact", &["www.example.com", "www.example.com:8080"], to("exact")),
    ]);
    for (host, cluster) in [
        ("www.example.com", "exact"),
        ("WWW.Example.com:8080", "exact"),
        ("www.example.com:81", "prefix"),
        ("b.example.com", "suffix"),
        ("b.a.example.com", "longer"),
        (".example.com", "any"),
        ("example.org", "any"),
    ] {
        assert_eq!(cluster_for(&table, host, "/"), Some(cluster), "{host}");
    }
}

#[test]
fn the_first_route_that_matches_wins() {
    let table = table(vec![host(
        "all",
        &["*"],
        vec![
            route(PathMatch::Exact(String::from("/a")), "exact"),
            route(PathMatch::Prefix(String::from("/a")), "prefix"),
        ],
    )]);
    assert_eq!(cluster_for(&table, "h", "/a"), Some("exact"));
    assert_eq!(cluster_for(&table, "h", "/ab"), Some("prefix"));
    assert_eq!(cluster_for(&table, "h", "/A"), None);
    assert_eq!(cluster_for(&table, "h", "/"), None);
}

#[test]
fn case_counts_only_where_it_should() {
    let mut loose = route(PathMatch::Prefix(String::from("/Ab")), "loose");
    loose.matcher.case_sensitive = false;
    let table = table(vec![host("all", &["*"], vec![loose])]);
    assert_eq!(cluster_for(&table, "h", "/aBc"), Some("loose"));
    assert_eq!(cluster_for(&table, "h", "/é"), None);
}

#[test]
fn without_a_host_that_fits_there_is_no_route() {
    let routes = vec![route(PathMatch::Prefix(String::from("/")), "a")];
    let table = table(vec![host("one", &["one.example"], routes)]);
    assert_eq!(cluster_for(&table, "two.example", "/"), None);
}
