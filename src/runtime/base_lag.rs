//! How far the bases of images are behind the newest of their line.

use std::collections::{BTreeMap, BTreeSet};

use super::office::Office;
use crate::domain::bake::{BaseImage, QUERY_KEY, days_behind};
use crate::domain::ids::ImageId;
use crate::domain::image::Image;
use crate::domain::reading::Listing;
use crate::domain::recipe::{Base, BaseQuery};
use crate::domain::time::WorldTime;

impl Office {
    /// How many days the base of each of these is behind the newest that its recipe's query finds now. Images that do not say what they were baked
    /// from, or by which query, are not in the answer, nor are those whose bases cannot be read: nobody can tell.
    pub(super) async fn lags_of(&self, images: &[&Image]) -> BTreeMap<ImageId, u64> {
        let asked: Vec<(&Image, ImageId, BaseQuery)> = images.iter().filter_map(|image| said(image)).collect();
        let queries: BTreeSet<&BaseQuery> = asked.iter().map(|(_, _, query)| query).collect();
        let mut newest: BTreeMap<&BaseQuery, Option<WorldTime>> = BTreeMap::new();
        let mut made: BTreeMap<ImageId, Option<WorldTime>> = BTreeMap::new();
        for query in queries {
            let found = self.bases(&Base::Newest(query.clone())).await;
            newest.insert(query, found.first().and_then(|base| base.created_at));
            made.extend(found.into_iter().map(|base| (base.id, base.created_at)));
        }
        // A base that its query does not find any more may still be there.
        let others: BTreeSet<&ImageId> = asked.iter().map(|(_, base, _)| base).filter(|base| !made.contains_key(*base)).collect();
        for base in others.into_iter().cloned().collect::<Vec<_>>() {
            let found = self.bases(&Base::Id(base.clone())).await;
            made.insert(base, found.first().and_then(|base| base.created_at));
        }
        let days = |base: &ImageId, query: &BaseQuery| days_behind(newest.get(query).copied()?, made.get(base).copied()?);
        asked.iter().filter_map(|(image, base, query)| Some((image.id.clone(), days(base, query)?))).collect()
    }

    /// What is found, newest first; nothing where it could not all be read, as the newest is not known then.
    async fn bases(&self, base: &Base) -> Vec<BaseImage> {
        match self.cloud.bake_reader().base_images(base).await {
            Ok(Listing::Complete { items, .. }) => items,
            Ok(Listing::Incomplete { .. }) => Vec::new(),
            Err(error) => {
                tracing::warn!("bases cannot be listed: {error}");
                Vec::new()
            }
        }
    }
}

fn said(image: &Image) -> Option<(&Image, ImageId, BaseQuery)> {
    let query = BaseQuery::of(image.tags.get(QUERY_KEY)?.raw())?;
    Some((image, ImageId::new(image.base.as_ref()?.raw()), query))
}
