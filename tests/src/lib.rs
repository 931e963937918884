//! Nothing here: the tests are under `acceptance/`.
