//! The model as a frame: the only place that draws. It takes `&Model`, decides nothing and remembers nothing.

pub mod lines;
