//! The content key of a bake: the same base, recipe, files and version make the same image, so a finished one can be taken instead.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::domain::ids::ImageId;
use crate::domain::recipe::{Recipe, RecipeFiles};

/// What is hashed begins with this: another way to render or to hash is another key.
const GENERATION: &str = "quarterdeck bake 1";
/// So many hexadecimal digits are kept: short enough for a tag that people compare, long enough that two bakes never share one by chance.
const DIGITS: usize = 32;

/// The key of what a bake is made of.
///
/// How long a bake may take, and its gates, which make nothing of the image, are part of it all the same: an image whose gates were others is not
/// known to pass these.
#[must_use]
pub fn key(base: &ImageId, recipe: &Recipe, files: &RecipeFiles, version: &str) -> String {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        // The length before the bytes: no two lists of parts are the same bytes.
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(GENERATION.as_bytes());
    part(base.as_str().as_bytes());
    part(version.as_bytes());
    // Maps are sorted and nothing in it is a float key or a time: the same recipe is the same text. It has no value that JSON cannot say.
    part(&serde_json::to_vec(recipe).unwrap_or_default());
    for (path, file) in files {
        part(path.as_bytes());
        part(&[u8::from(file.executable)]);
        part(&file.bytes);
    }
    let digest = hash.finalize();
    digest.iter().take(DIGITS / 2).fold(String::with_capacity(DIGITS), |mut key, byte| {
        let _infallible = write!(key, "{byte:02x}");
        key
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::recipe::{App, Base, Builder, Engine, Provisioner, RecipeFile, Shell, Work};
    use crate::domain::time::Millis;

    fn recipe() -> Recipe {
        let builder = Builder { instance_type: "t3.small".to_owned(), subnet: None, security_groups: vec![], instance_profile: None, root_gib: None };
        let work = Work::Shell(Shell { script: Some("a.sh".to_owned()), run: vec![], env: [].into() });
        Recipe {
            name: "web".to_owned(),
            app: App { name: "web".to_owned(), version: Some("1".to_owned()), artifact: None },
            base: Base::Id("ami-1".into()),
            engine: Engine::Builder,
            builder,
            provisioners: vec![Provisioner { name: "a".to_owned(), packages: vec![], time_limit: None, work }],
            gates: vec![],
            tags: [].into(),
            schema: crate::domain::image::SchemaRange::default(),
            share_with: vec![],
            copy_to: vec![],
            time_limit: Millis::mins(60),
        }
    }

    fn file(bytes: &str) -> RecipeFile {
        RecipeFile { bytes: bytes.as_bytes().to_vec(), executable: true }
    }

    fn files(entries: &[(&str, &str)]) -> RecipeFiles {
        entries.iter().map(|(path, bytes)| ((*path).to_owned(), file(bytes))).collect()
    }

    #[test]
    fn the_same_is_the_same_key_and_whatever_differs_is_another() {
        let same = || key(&"ami-1".into(), &recipe(), &files(&[("a.sh", "x")]), "1");
        assert_eq!((same(), same().len()), (same(), DIGITS));
        let mut changed = recipe();
        changed.provisioners[0].packages.push("nginx".to_owned());
        let mut plain = files(&[("a.sh", "x")]);
        plain.get_mut("a.sh").unwrap().executable = false;
        let others = [
            key(&"ami-2".into(), &recipe(), &files(&[("a.sh", "x")]), "1"),
            key(&"ami-1".into(), &recipe(), &files(&[("a.sh", "x")]), "2"),
            key(&"ami-1".into(), &recipe(), &files(&[("a.sh", "y")]), "1"),
            key(&"ami-1".into(), &recipe(), &files(&[("a.sh", "x"), ("b", "")]), "1"),
            key(&"ami-1".into(), &recipe(), &files(&[("a.s", "hx")]), "1"),
            key(&"ami-1".into(), &recipe(), &plain, "1"),
            key(&"ami-1".into(), &changed, &files(&[("a.sh", "x")]), "1"),
            same(),
        ];
        let different: std::collections::BTreeSet<&String> = others.iter().collect();
        assert_eq!(different.len(), others.len());
    }

    #[test]
    fn a_recipe_s_key_stays_what_it_is_from_release_to_release() {
        assert_eq!(key(&"ami-1".into(), &recipe(), &files(&[("a.sh", "x")]), "1"), "f60d793a4d5b48363b7d9a6780b877f2");
    }
}
