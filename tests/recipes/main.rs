//! The examples of `assets/recipes` by the real tools: `cloud-init schema` and `shellcheck` over what they render to; and shell, file, Ansible and
//! Puppet really run by cloud-init in a machine that is thrown away. Chef and Salt are rendered and checked only: neither is a package of Debian's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test stops where something is wrong")]

mod command;
mod machine;
mod rendered;
