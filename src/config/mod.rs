//! Reading files and environment, with errors that name the line and what was expected.

mod error;
mod files;

pub use error::ConfigError;
pub use files::private_dir;

#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct E;
impl E {
    pub fn hint(&self) -> String {
        String::new()
    }
}
pub fn append_fleet(_: &std::path::Path, _: &crate::domain::fleet::FleetSpec) -> Result<(), E> {
    Ok(())
}
#[derive(Default)]
pub struct FleetsFile {
    pub fleets: Vec<crate::domain::fleet::FleetSpec>,
    pub notices: Vec<String>,
    pub tag_keys: crate::domain::tags::TagKeys,
    pub image_owners: Vec<String>,
}
pub fn read_fleets(_: &std::path::Path, _: bool) -> Result<FleetsFile, ConfigError> {
    Ok(FleetsFile { image_owners: vec!["self".into()], ..Default::default() })
}
pub fn fleets_path(p: Option<&std::path::Path>) -> Result<std::path::PathBuf, ConfigError> {
    Ok(p.map_or_else(|| "/tmp/fleets.toml".into(), |p| p.to_owned()))
}
pub fn state_root(p: Option<&std::path::Path>) -> Result<std::path::PathBuf, ConfigError> {
    Ok(p.map_or_else(|| "/tmp/qdstate".into(), |p| p.to_owned()))
}
pub fn time_scale(_: Option<&str>) -> u32 {
    std::env::var("QD_TIME_SCALE").ok().and_then(|x| x.parse().ok()).unwrap_or(1)
}
