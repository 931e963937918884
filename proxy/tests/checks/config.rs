//! Configuration files as data: what the loader makes of them stands beside them.

mod schema; // the schema is the one of Envoy's descriptors
