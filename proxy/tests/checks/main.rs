//! Checks of the source itself and of its data: one binary.

mod config; // configuration files and what the loader makes of them
mod explain; // what is explained beside what happens
mod fuzz; // the fuzz targets, on their seeds
mod layers; // who may import whom
mod routes; // what `outrigger routes` says
mod sources; // reads the files for the other two
mod support; // the table of what is supported
mod tidy; // the form of every file
