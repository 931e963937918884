//! What a client sees of a mesh, whoever carries the requests: each behaviour is tested with v1 and with v3 files, as
//! processes and in containers, and on the real Envoy.

#[cfg(test)]
#[macro_use]
mod modes;

/// The admin interface of a proxy.
#[cfg(test)]
mod admin;
/// What a proxy says to wrong files and wrong command lines.
#[cfg(test)]
mod bad_input;
/// Which host a request meets.
#[cfg(test)]
mod balancing;
/// What the test bench itself promises.
#[cfg(test)]
mod bench;
/// Bodies of any size, and trailers.
#[cfg(test)]
mod bodies;
/// The tutorial's mesh as docker-compose starts it.
#[cfg(test)]
mod compose;
/// The tutorial's v1 files, converted.
#[cfg(test)]
mod convert;
/// How a cluster learns its hosts.
#[cfg(test)]
mod discovery;
/// Going away without losing a request.
#[cfg(test)]
mod drain;
/// Nodes that end, hang or come late.
#[cfg(test)]
mod failures;
/// What the folders under `compose/features/` show.
#[cfg(test)]
mod features;
/// HTTP filters where they meet the rest of a proxy.
#[cfg(test)]
mod filters;
/// gRPC and those who do not speak it.
#[cfg(test)]
mod grpc;
/// What a file's HTTP connection manager says.
#[cfg(test)]
mod hcm;
/// Hosts that are left out, since they answer badly or since they say they are not well.
#[cfg(test)]
mod health;
/// Starting and ending a proxy from the command line.
#[cfg(test)]
mod lifecycle;
/// What a proxy does not wait for, and how much it takes on.
#[cfg(test)]
mod limits;
/// TCP proxies, filter chains, and what a connection says before all else.
#[cfg(test)]
#[macro_use]
mod network;
/// Our proxy's binary, run to its end.
#[cfg(test)]
mod once;
/// The rate limit filter, and the service that it asks.
#[cfg(test)]
mod rate_limit_service;
/// What the README says.
#[cfg(test)]
mod readme;
/// When and how requests are tried again.
#[cfg(test)]
mod retries;
/// Which route a request meets, and what becomes of it there.
#[cfg(test)]
mod routing;
/// Copies of requests for other clusters.
#[cfg(test)]
mod shadows;
/// Hostile bytes.
#[cfg(test)]
mod smuggling;
/// TLS, with clients and with hosts.
#[cfg(test)]
mod tls;
/// The tutorial's mesh, with everything in its place.
#[cfg(test)]
mod topology;
/// Requests that become connections.
#[cfg(test)]
mod upgrade;
