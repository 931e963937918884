//! Which virtual host and which route a head meets.

use http::{HeaderMap, Method, Uri};

use super::super::{Action, ClusterRef, Head, Unmet};
use super::{Selected, Table};
use crate::config::headers::HeaderMutations;
use crate::config::route::{
    self as config, Attempts, BufferLimit, ClusterName, ClusterSpecifier, ClusterWeight, Forward,
    Fraction, PathMatch, RequireTls, RouteConfiguration, RouteMatch, VirtualHost, WeightedClusters,
};

fn forward(cluster: ClusterSpecifier) -> config::Action {
    config::Action::Forward(Box::new(Forward::to(cluster)))
}

fn named(cluster: &str) -> ClusterName {
    ClusterName::Fixed(cluster.to_owned())
}

fn route(path: PathMatch, cluster: &str) -> config::Route {
    config::Route {
        headers: HeaderMutations::default(),
        buffer_limit: BufferLimit::default(),
        name: String::new(),
        matcher: RouteMatch::of_path(path),
        action: forward(ClusterSpecifier::One(named(cluster))),
        filters: Vec::new(),
    }
}

fn prefix(prefix: &str, cluster: &str) -> config::Route {
    route(PathMatch::Prefix(prefix.into()), cluster)
}

fn host(name: &str, domains: &[&str], routes: Vec<config::Route>) -> VirtualHost {
    VirtualHost {
        headers: HeaderMutations::default(),
        name: name.to_owned(),
        domains: domains.iter().map(|&domain| domain.to_owned()).collect(),
        require_tls: RequireTls::None,
        retry_policy: None,
        attempts: Attempts::default(),
        buffer_limit: BufferLimit::default(),
        routes,
        filters: Vec::new(),
        mirrors: Vec::new(),
        rate_limits: Box::default(),
    }
}

fn table(virtual_hosts: Vec<VirtualHost>) -> Table {
    Table::new(&RouteConfiguration { virtual_hosts, ..RouteConfiguration::default() })
}

fn cluster_with(table: &Table, host: &str, path: &str, random: u64) -> Option<String> {
    let (uri, headers): (Uri, _) = (path.parse().unwrap(), HeaderMap::new());
    let head = Head::of(host, &Method::GET, &uri, &headers).with_random(random);
    let Selected { route: Some(route), .. } = table.select(&head)? else { return None };
    let Action::Forward(forward) = &route.action else { return None };
    match forward.choose(&head).cluster {
        ClusterRef::Slot(slot) => Some(table.clusters().name(slot).to_string()),
        ClusterRef::Named(_) => None,
    }
}

fn cluster_for(table: &Table, host: &str, path: &str) -> Option<String> {
    cluster_with(table, host, path, 0)
}

#[test]
fn the_closest_domain_wins() {
    let to = |name: &str| vec![prefix("/", name)];
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
        assert_eq!(cluster_for(&table, host, "/"), Some(cluster.to_owned()), "{host}");
    }
}

#[test]
fn the_first_route_that_matches_wins() {
    let table = table(vec![host(
        "all",
        &["*"],
        vec![route(PathMatch::Exact("/a".into()), "exact"), prefix("/a", "prefix")],
    )]);
    assert_eq!(cluster_for(&table, "h", "/a"), Some("exact".to_owned()));
    assert_eq!(cluster_for(&table, "h", "/ab"), Some("prefix".to_owned()));
    assert_eq!(cluster_for(&table, "h", "/A"), None);
    assert_eq!(cluster_for(&table, "h", "/"), None);
}

#[test]
fn case_counts_only_where_it_should() {
    let mut loose = prefix("/Ab", "loose");
    loose.matcher.case_sensitive = false;
    let table = table(vec![host("all", &["*"], vec![loose])]);
    assert_eq!(cluster_for(&table, "h", "/aBc"), Some("loose".to_owned()));
    assert_eq!(cluster_for(&table, "h", "/é"), None);
}

#[test]
fn without_a_host_that_fits_there_is_no_route() {
    let routes = vec![prefix("/", "a")];
    let table = table(vec![host("one", &["one.example"], routes)]);
    assert_eq!(cluster_for(&table, "two.example", "/"), None);
}

/// A table of every kind of route, large enough for an index.
fn many() -> Vec<config::Route> {
    let mut routes = Vec::new();
    for number in 0..40 {
        let cluster = format!("c{number}");
        let part = number % 7;
        let mut route = match number % 5 {
            0 => prefix(&format!("/p{part}"), &cluster),
            1 => route(PathMatch::Exact(format!("/p{part}/x").into()), &cluster),
            2 => route(PathMatch::SeparatedPrefix(format!("/p{part}/x").into()), &cluster),
            3 => prefix(&format!("/P{part}"), &cluster),
            _ => prefix("/", &cluster),
        };
        route.matcher.case_sensitive = number % 5 != 3;
        // Most of those that match every path match none in a hundred requests.
        route.matcher.fraction = (number % 5 == 4 || number % 3 == 0)
            .then_some(Fraction { numerator: number, denominator: 100 });
        routes.push(route);
    }
    routes
}

#[test]
fn of_many_routes_the_first_that_matches_wins_too() {
    let indexed = table(vec![host("all", &["*"], many())]);
    for part in 0..8 {
        for path in ["/p?", "/p?/", "/p?/x", "/p?/x/y", "/P?/x", "/p?/xy", "/q?"] {
            let path = path.replace('?', &part.to_string());
            for random in [0, 10, 20, 30, 50] {
                let one_by_one = many().into_iter().find_map(|route| {
                    let alone = table(vec![host("all", &["*"], vec![route])]);
                    cluster_with(&alone, "h", &path, random)
                });
                assert_eq!(
                    cluster_with(&indexed, "h", &path, random),
                    one_by_one,
                    "{path} {random}"
                );
            }
        }
    }
}

#[test]
fn every_cluster_gets_its_share() {
    let weight = |name: &str, weight| ClusterWeight {
        cluster: named(name),
        weight,
        host_rewrite: None,
        metadata_match: None,
        headers: HeaderMutations::default(),
        filters: Vec::new(),
    };
    let weighted = ClusterSpecifier::Weighted(WeightedClusters {
        clusters: vec![weight("none", 0), weight("one", 1), weight("three", 3)],
        total: 4,
        random_header: None,
    });
    let route = config::Route { action: forward(weighted), ..prefix("/", "") };
    let table = table(vec![host("all", &["*"], vec![route])]);
    let share = |name| {
        let all = (0..400).filter_map(|random| cluster_with(&table, "h", "/", random));
        all.filter(|cluster| cluster == name).count()
    };
    assert_eq!((share("none"), share("one"), share("three")), (0, 100, 300));
}

#[test]
fn chance_is_one_number_for_all_decisions() {
    let (uri, headers) = (Uri::from_static("/"), HeaderMap::new());
    let head = Head::of("h", &Method::GET, &uri, &headers);
    assert_eq!(head.random(), head.random());
}

#[test]
fn the_first_condition_that_is_not_met_is_told() {
    let mut chosen = prefix("/a", "a");
    let none = Fraction { numerator: 0, denominator: 100 };
    chosen.matcher.fraction = Some(none);
    let table = table(vec![host("all", &["*"], vec![prefix("/b", "b"), chosen, prefix("/", "c")])]);
    let (uri, headers) = (Uri::from_static("/a"), HeaderMap::new());
    let head = Head::of("h", &Method::GET, &uri, &headers);
    let host = table.virtual_host(&head).unwrap();
    let unmet: Vec<_> = host.explain(&head).map(|(_, unmet)| unmet).collect();
    let path = PathMatch::Prefix("/b".into());
    assert_eq!(unmet, [Some(Unmet::Path(&path)), Some(Unmet::Fraction(none)), None]);
}
