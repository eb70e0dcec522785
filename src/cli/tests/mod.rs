//! Commands against a desk that only pretends: what is printed, what is asked, what is sent, and how it ends.

mod act;
mod desk;
mod freeze;
mod parsing;
mod text;
