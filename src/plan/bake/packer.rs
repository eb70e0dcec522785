//! Whether a Packer template can be run as a bake: it has to take what it is told, and to say whose its things are.

use crate::domain::bake::{OPERATION_KEY, UNTIL_KEY};
use crate::domain::recipe::{Engine, PackerTemplate};
use crate::domain::text::escape;
use crate::operation::bake::BakeWish;
use crate::operation::packer::PackerPlan;
use crate::operation::plan::Refusal;

/// More than this is no template: the plan holds it, so that what is built is what the content key says.
const MOST_BYTES: usize = 1024 * 1024;
/// What a template has to be told, and what for.
const TOLD: [(&str, &str); 4] =
    [("{base}", "its source_ami"), ("{image_name}", "its ami_name"), ("{operation}", "the tag qd:operation"), ("{expires_at}", "the tag qd:until")];

/// What a plan holds of the recipe's template; none where another engine does the work.
pub(super) fn plan(wish: &BakeWish) -> Result<Option<PackerPlan>, Refusal> {
    let Engine::Packer(template) = &wish.recipe.engine else { return Ok(None) };
    if wish.keep_on_failure.is_some() {
        let why = "Packer removes its builder itself when something fails on it: --keep-on-failure is for recipes with provisioners";
        return Err(Refusal::new(why, "leave --keep-on-failure away"));
    }
    if !wish.recipe.gates.is_empty() && wish.recipe.builder.instance_type.is_empty() {
        let why = "the gates of this recipe need an instance, and nothing says of which type";
        return Err(Refusal::new(why, "add a section [builder] such as instance_type = \"t3.small\": the gates' instance is launched by it"));
    }
    told(template)?;
    says_whose(template, wish)?;
    let size: usize = wish.files.values().map(|file| file.bytes.len()).sum();
    if size > MOST_BYTES {
        let why = format!("the template and its files have {size} bytes: at most {MOST_BYTES}");
        return Err(Refusal::new(why, "let the template download what is large, by version and sum"));
    }
    Ok(Some(PackerPlan::new(template, &wish.files)))
}

fn told(template: &PackerTemplate) -> Result<(), Refusal> {
    for (placeholder, what) in TOLD {
        if !template.variables.values().any(|value| value.contains(placeholder)) {
            let why = format!("{} is not told {placeholder}, which it needs for {what}", escape(&template.template));
            let name = placeholder.trim_matches(['{', '}']);
            return Err(Refusal::new(why, format!("add {name} = \"{placeholder}\" to [packer.variables], and use it in the template")));
        }
    }
    Ok(())
}

/// Instances and volumes that a killed Packer leaves are found by these tags only.
fn says_whose(template: &PackerTemplate, wish: &BakeWish) -> Result<(), Refusal> {
    let texts = wish.files.values().map(|file| String::from_utf8_lossy(&file.bytes));
    let all: String = texts.collect::<Vec<_>>().join("\n");
    let missing = [OPERATION_KEY, UNTIL_KEY].into_iter().find(|key| !all.contains(key));
    missing.map_or(Ok(()), |key| {
        let why = format!("{} gives nothing the tag {key}: what a killed Packer leaves could not be found", escape(&template.template));
        Err(Refusal::new(why, "set qd:operation and qd:until in run_tags and run_volume_tags, as assets/recipes/packer/web.json does"))
    })
}
