//! Which image was made from which: by the cloud's own record, and by our tags where it has none.
//!
//! Both are followed downwards, so that a block reaches every image that may hold what was blocked. What the links do not tell is said and
//! never guessed: a tag that is no image id leads nowhere, a circle in tags written by hand is walked once, an image nobody listed is a name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::ids::ImageId;
use super::image::{Block, Image};
use super::lookup::Lookup;
use super::text::Untrusted;

/// Where a link is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// The cloud's own record.
    Cloud,
    /// The image's tag.
    Tag,
}

/// An image of a chain that the cloud itself tells, whoever owns it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// It.
    pub image: ImageId,
    /// What it was made from; none where the record ends.
    pub source: Option<ImageId>,
    /// Whose it is, in the cloud's words: `amazon`, an account.
    pub owner: Option<Untrusted>,
}

/// An image on the way up or down from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relative {
    /// It.
    pub image: ImageId,
    /// How many images away, from 1.
    pub distance: usize,
    /// The image next to it on the way to the one that was asked about.
    pub through: ImageId,
    /// Where that link is known from.
    pub told: Told,
    /// It is among the images that were listed.
    pub listed: bool,
}

#[derive(Default)]
struct Node {
    parents: Vec<(usize, Told)>,
    children: Vec<(usize, Told)>,
    listed: bool,
    faults: Vec<String>,
    /// Its tag names something that is no image.
    astray: bool,
}

/// Every link between images that is known.
#[derive(Default)]
pub struct Lineage {
    ids: Vec<ImageId>,
    places: Lookup<ImageId, usize>,
    nodes: Vec<Node>,
    circling: BTreeSet<usize>,
}

impl Lineage {
    /// The links among these images, and those that the cloud told besides.
    #[must_use]
    pub fn of(images: &[Image], ancestors: &[Ancestor]) -> Self {
        let mut lineage = Self::default();
        for image in images {
            let at = lineage.place(&image.id);
            lineage.node(at).listed = true;
        }
        for image in images {
            lineage.link_image(image);
        }
        for ancestor in ancestors {
            let at = lineage.place(&ancestor.image);
            if let Some(source) = &ancestor.source {
                lineage.link(at, source, Told::Cloud);
            }
        }
        lineage.circling = lineage.circles();
        lineage
    }

    /// What the image was made from, nearest first.
    #[must_use]
    pub fn ancestors(&self, image: &ImageId) -> Vec<Relative> {
        self.walk(image, |node| &node.parents)
    }

    /// What was made from the image, nearest first.
    #[must_use]
    pub fn descendants(&self, image: &ImageId) -> Vec<Relative> {
        self.walk(image, |node| &node.children)
    }

    /// What is wrong with what is known of the image's making, in sentences; also of what it was made from.
    #[must_use]
    pub fn problems(&self, image: &ImageId) -> Vec<String> {
        let Some(at) = self.places.get(image) else { return Vec::new() };
        let above = self.ancestors(image);
        let chain = std::iter::once(*at).chain(above.iter().filter_map(|step| self.places.get(&step.image).copied()));
        let mut problems: Vec<String> = chain.clone().filter_map(|at| self.nodes.get(at)).flat_map(|node| node.faults.iter().cloned()).collect();
        let circle: Vec<String> = chain.filter(|at| self.circling.contains(at)).filter_map(|at| self.ids.get(at)).map(ImageId::to_string).collect();
        if !circle.is_empty() {
            let names = circle.join(", ");
            problems.push(format!("the base tags of {names} name each other in a circle: none of them can be right, correct the tag of one"));
        }
        let unlisted = above.iter().filter(|step| !step.listed);
        problems.extend(
            unlisted.map(|step| format!("{} is not among the listed images: it is another account's, or it does not exist any more", step.image)),
        );
        problems
    }

    /// Whether nobody can tell what the image was made from: its tag is no image id, or names a circle.
    #[must_use]
    pub fn is_unclear(&self, image: &ImageId) -> bool {
        let Some(at) = self.places.get(image) else { return false };
        self.circling.contains(at) || self.nodes.get(*at).is_some_and(|node| node.astray)
    }

    /// For every image that descends from one of these: the nearest of them. Those that are named are not in the answer.
    #[must_use]
    pub fn heirs<'a>(&self, of: impl Iterator<Item = &'a ImageId>) -> BTreeMap<ImageId, ImageId> {
        let roots: BTreeSet<usize> = of.filter_map(|id| self.places.get(id).copied()).collect();
        let mut reached: BTreeMap<usize, usize> = roots.iter().map(|root| (*root, *root)).collect();
        let mut next: VecDeque<usize> = roots.iter().copied().collect();
        while let Some(at) = next.pop_front() {
            let (Some(node), Some(root)) = (self.nodes.get(at), reached.get(&at).copied()) else { continue };
            for (child, _) in &node.children {
                if !reached.contains_key(child) {
                    reached.insert(*child, root);
                    next.push_back(*child);
                }
            }
        }
        let named = |at: usize| self.ids.get(at).cloned();
        reached.into_iter().filter(|(at, _)| !roots.contains(at)).filter_map(|(at, root)| Some((named(at)?, named(root)?))).collect()
    }

    /// Everything that these images were made from, each with the image nearest to it that it leads to.
    pub fn bases<'a>(&'a self, of: impl Iterator<Item = &'a ImageId>) -> impl Iterator<Item = (&'a ImageId, &'a ImageId)> {
        let mut reached: Vec<Option<usize>> = vec![None; self.nodes.len()];
        let mut waiting: VecDeque<(usize, usize)> = of.filter_map(|id| self.places.get(id)).map(|at| (*at, *at)).collect();
        while let Some((at, from)) = waiting.pop_front() {
            for (parent, _) in self.nodes.get(at).into_iter().flat_map(|node| &node.parents) {
                if let Some(new @ None) = reached.get_mut(*parent) {
                    *new = Some(from);
                    waiting.push_back((*parent, from));
                }
            }
        }
        self.ids.iter().zip(reached).filter_map(|(base, from)| Some((base, self.ids.get(from?)?)))
    }

    fn place(&mut self, id: &ImageId) -> usize {
        if let Some(at) = self.places.get(id) {
            return *at;
        }
        let at = self.ids.len();
        self.ids.push(id.clone());
        self.nodes.push(Node::default());
        self.places.insert(id.clone(), at);
        at
    }

    #[expect(clippy::indexing_slicing, reason = "every place was given out by `place`, and nodes are never removed")]
    fn node(&mut self, at: usize) -> &mut Node {
        &mut self.nodes[at]
    }

    fn link_image(&mut self, image: &Image) {
        let at = self.place(&image.id);
        if let Some(source) = &image.origin.source {
            self.link(at, source, Told::Cloud);
        }
        let Some(base) = &image.base else { return };
        if !is_image_id(base.raw()) {
            if image.origin.source.is_none() {
                let fault = format!("the base tag of {} says '{}', which is no image id: it is not followed", image.id, base.shown());
                self.node(at).faults.push(fault);
                self.node(at).astray = true;
            }
            return;
        }
        let named = ImageId::new(base.raw());
        if image.origin.source.as_ref().is_some_and(|source| *source != named) {
            let source = image.origin.source.as_ref().map_or_else(String::new, ImageId::to_string);
            let fault = format!("the base tag of {} says {named}, the cloud says {source}: a block of either reaches it", image.id);
            self.node(at).faults.push(fault);
        }
        self.link(at, &named, Told::Tag);
    }

    fn link(&mut self, child: usize, parent: &ImageId, told: Told) {
        let parent = self.place(parent);
        if self.node(child).parents.iter().any(|(known, _)| *known == parent) {
            return;
        }
        self.node(child).parents.push((parent, told));
        self.node(parent).children.push((child, told));
    }

    fn walk(&self, from: &ImageId, next: impl Fn(&Node) -> &Vec<(usize, Told)>) -> Vec<Relative> {
        let Some(start) = self.places.get(from) else { return Vec::new() };
        let mut seen = BTreeSet::from([*start]);
        let mut found = Vec::new();
        let mut waiting = VecDeque::from([(*start, 0)]);
        while let Some((at, distance)) = waiting.pop_front() {
            let (Some(node), Some(through)) = (self.nodes.get(at), self.ids.get(at)) else { continue };
            for (to, told) in next(node) {
                let (Some(image), Some(there)) = (self.ids.get(*to), self.nodes.get(*to)) else { continue };
                if seen.insert(*to) {
                    found.push(Relative {
                        image: image.clone(),
                        distance: distance + 1,
                        through: through.clone(),
                        told: *told,
                        listed: there.listed,
                    });
                    waiting.push_back((*to, distance + 1));
                }
            }
        }
        found
    }

    /// Images on a circle, or between two: what is left when everything with an end is taken away, from above and from below.
    fn circles(&self) -> BTreeSet<usize> {
        let mut left = vec![true; self.nodes.len()];
        peel(&mut left, &self.nodes, |node| &node.parents, |node| &node.children);
        peel(&mut left, &self.nodes, |node| &node.children, |node| &node.parents);
        left.iter().enumerate().filter(|(_, left)| **left).map(|(at, _)| at).collect()
    }
}

type Links = fn(&Node) -> &Vec<(usize, Told)>;

/// Takes away, again and again, what has no `before` left.
fn peel(left: &mut [bool], nodes: &[Node], before: Links, after: Links) {
    let is_left = |left: &[bool], at: usize| left.get(at).copied().unwrap_or(false);
    let mut counts: Vec<usize> = nodes.iter().map(|node| before(node).iter().filter(|(link, _)| is_left(left, *link)).count()).collect();
    let mut ends: Vec<usize> = (0..nodes.len()).filter(|at| is_left(left, *at) && counts.get(*at) == Some(&0)).collect();
    while let Some(at) = ends.pop() {
        if let Some(place) = left.get_mut(at) {
            *place = false;
        }
        for (link, _) in nodes.get(at).map(after).into_iter().flatten().filter(|(link, _)| is_left(left, *link)) {
            if let Some(count) = counts.get_mut(*link) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ends.push(*link);
                }
            }
        }
    }
}

/// Whether a text has the form of an image id.
#[must_use]
pub fn is_image_id(text: &str) -> bool {
    text.strip_prefix("ami-").is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
}

/// Gives every image that descends from a blocked one that block, unless it is blocked itself. `elsewhere` are blocks of images that are not
/// listed, such as a base of another account.
pub fn inherit_blocks(images: &mut [Image], elsewhere: &[(ImageId, Block)], ancestors: &[Ancestor]) {
    for image in &mut *images {
        image.blocked = image.blocked.take().filter(|block| block.inherited_from.is_none());
    }
    let own = images.iter().filter_map(|image| Some((image.id.clone(), image.blocked.clone()?)));
    let blocks: BTreeMap<ImageId, Block> = elsewhere.iter().cloned().chain(own).collect();
    if blocks.is_empty() {
        return;
    }
    let heirs = Lineage::of(images, ancestors).heirs(blocks.keys());
    for image in images.iter_mut().filter(|image| image.blocked.is_none()) {
        image.blocked = match blocks.get(&image.id) {
            Some(block) => Some(block.clone()),
            None => heirs.get(&image.id).and_then(|root| Some(Block { inherited_from: Some(root.clone()), ..blocks.get(root)?.clone() })),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::image::{ImageOrigin, ImageState, SchemaRange};
    use proptest::prelude::*;

    fn image(id: &str, base: Option<&str>, source: Option<&str>) -> Image {
        Image {
            id: id.into(),
            name: id.into(),
            app: Some("web".into()),
            version: None,
            stage: None,
            created_at: None,
            base: base.map(Untrusted::from),
            arch: None,
            state: ImageState::Available,
            schema: SchemaRange::default(),
            blocked: None,
            bake: None,
            tags: BTreeMap::new(),
            origin: ImageOrigin { source: source.map(ImageId::from), ..ImageOrigin::default() },
        }
    }

    fn block(reason: &str) -> Block {
        Block { reason: reason.into(), by: None, at: None, inherited_from: None }
    }

    fn names(relatives: &[Relative]) -> Vec<&str> {
        relatives.iter().map(|relative| relative.image.as_str()).collect()
    }

    #[test]
    fn the_cloud_s_record_and_the_tags_are_both_followed() {
        let images = [image("ami-1", None, None), image("ami-2", None, Some("ami-1")), image("ami-3", Some("ami-2"), None)];
        let lineage = Lineage::of(&images, &[]);
        assert_eq!(names(&lineage.descendants(&"ami-1".into())), ["ami-2", "ami-3"]);
        let up = lineage.ancestors(&"ami-3".into());
        assert_eq!((names(&up), up[0].told, up[1].told), (vec!["ami-2", "ami-1"], Told::Tag, Told::Cloud));
        assert!(lineage.problems(&"ami-3".into()).is_empty());
    }

    #[test]
    fn a_circle_in_tags_written_by_hand_is_walked_once_and_said() {
        let images = [image("ami-1", Some("ami-3"), None), image("ami-2", Some("ami-1"), None), image("ami-3", Some("ami-2"), None)];
        let lineage = Lineage::of(&images, &[]);
        assert_eq!(names(&lineage.ancestors(&"ami-1".into())), ["ami-3", "ami-2"]);
        assert_eq!(
            lineage.problems(&"ami-1".into()),
            ["the base tags of ami-1, ami-3, ami-2 name each other in a circle: none of them can be right, correct the tag of one"]
        );
        let own = Lineage::of(&[image("ami-1", Some("ami-1"), None)], &[]);
        assert!(own.is_unclear(&"ami-1".into()), "{:?}", own.problems(&"ami-1".into()));
    }

    #[test]
    fn what_descends_from_a_circle_is_not_on_it() {
        let images = [image("ami-1", Some("ami-2"), None), image("ami-2", Some("ami-1"), None), image("ami-3", Some("ami-2"), None)];
        let lineage = Lineage::of(&images, &[]);
        assert!(lineage.is_unclear(&"ami-1".into()) && !lineage.is_unclear(&"ami-3".into()));
        assert_eq!(lineage.problems(&"ami-3".into()).len(), 1, "what it was made from is on one");
    }

    #[test]
    fn a_tag_that_is_no_image_id_leads_nowhere() {
        let lineage = Lineage::of(&[image("ami-1", Some("ubuntu\u{1b}[2J"), None)], &[]);
        assert!(lineage.ancestors(&"ami-1".into()).is_empty());
        assert_eq!(lineage.problems(&"ami-1".into()), ["the base tag of ami-1 says 'ubuntu\\u{1b}[2J', which is no image id: it is not followed"]);
    }

    #[test]
    fn where_tag_and_cloud_disagree_a_block_of_either_reaches_the_image() {
        let images = [image("ami-1", None, None), image("ami-2", None, None), image("ami-3", Some("ami-1"), Some("ami-2"))];
        let lineage = Lineage::of(&images, &[]);
        for root in ["ami-1", "ami-2"] {
            assert_eq!(lineage.heirs([ImageId::from(root)].iter()).len(), 1, "{root}");
        }
        assert!(lineage.problems(&"ami-3".into())[0].contains("the cloud says ami-2"), "{:?}", lineage.problems(&"ami-3".into()));
    }

    #[test]
    fn a_parent_of_another_account_is_a_name_and_its_own_chain_is_what_the_cloud_tells() {
        let told = [Ancestor { image: "ami-9".into(), source: Some("ami-8".into()), owner: Some("amazon".into()) }];
        let mut images = [image("ami-1", None, Some("ami-9"))];
        let lineage = Lineage::of(&images, &told);
        assert_eq!(names(&lineage.ancestors(&"ami-1".into())), ["ami-9", "ami-8"]);
        assert!(lineage.problems(&"ami-1".into())[0].contains("ami-9 is not among the listed images"));
        inherit_blocks(&mut images, &[("ami-8".into(), block("CVE"))], &told);
        assert_eq!(images[0].blocked.as_ref().unwrap().inherited_from, Some("ami-8".into()));
    }

    #[test]
    fn the_nearest_block_is_inherited_and_one_of_its_own_stays() {
        let mut images =
            [image("ami-1", None, None), image("ami-2", Some("ami-1"), None), image("ami-3", Some("ami-2"), None), image("ami-4", None, None)];
        images[0].blocked = Some(block("old kernel"));
        images[1].blocked = Some(block("leaks"));
        inherit_blocks(&mut images, &[], &[]);
        assert_eq!(images[1].blocked, Some(block("leaks")));
        assert_eq!(images[2].blocked.as_ref().unwrap().words(), "made from ami-2, which is blocked: leaks");
        assert_eq!(images[3].blocked, None);
        images[0].blocked = None;
        images[1].blocked = None;
        inherit_blocks(&mut images, &[], &[]);
        assert!(images.iter().all(|image| image.blocked.is_none()), "what was inherited goes with what it came from");
    }

    /// Links as a hand could write them: any image names any other, itself too.
    fn any_links() -> impl Strategy<Value = Vec<(Option<usize>, Option<usize>)>> {
        prop::collection::vec((prop::option::of(0_usize..12), prop::option::of(0_usize..12)), 1..12)
    }

    proptest! {
        #[test]
        fn every_descendant_of_a_blocked_image_is_blocked_and_nothing_else(links in any_links(), root in 0_usize..12) {
            let name = |at: usize| format!("ami-{at:02}");
            let mut images: Vec<Image> = links
                .iter()
                .enumerate()
                .map(|(at, (base, source))| image(&name(at), base.map(name).as_deref(), source.map(name).as_deref()))
                .collect();
            let root = root % images.len();
            images[root].blocked = Some(block("bad"));
            inherit_blocks(&mut images, &[], &[]);
            for (at, found) in images.iter().enumerate() {
                prop_assert_eq!(found.blocked.is_some(), reaches(&links, at, root), "{}", at);
            }
        }

        #[test]
        fn up_and_down_are_the_same_links(links in any_links()) {
            let name = |at: usize| format!("ami-{at:02}");
            let images: Vec<Image> = links
                .iter()
                .enumerate()
                .map(|(at, (base, source))| image(&name(at), base.map(name).as_deref(), source.map(name).as_deref()))
                .collect();
            let lineage = Lineage::of(&images, &[]);
            for one in &images {
                for above in lineage.ancestors(&one.id) {
                    prop_assert!(lineage.descendants(&above.image).iter().any(|down| down.image == one.id && down.distance == above.distance));
                }
            }
        }
    }

    /// The same said in the simplest way: follow every link upwards until nothing new is found.
    fn reaches(links: &[(Option<usize>, Option<usize>)], from: usize, root: usize) -> bool {
        let mut seen = vec![from];
        let mut at = 0;
        while let Some(here) = seen.get(at).copied() {
            let (base, source) = links.get(here).copied().unwrap_or_default();
            for up in [base, source].into_iter().flatten() {
                if !seen.contains(&up) {
                    seen.push(up);
                }
            }
            at += 1;
        }
        seen.contains(&root)
    }
}
