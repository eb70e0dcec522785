//! Listings that come in pages.

use std::future::Future;

use crate::domain::call::{CloudError, CloudErrorKind};
use crate::domain::reading::Listing;
use crate::domain::text::Untrusted;

/// More pages than this are not a listing but a loop.
const MOST: usize = 1_000;

/// What arrived, and why not all of it.
pub(super) struct Gathered<T> {
    /// The items in the order they came.
    pub(super) items: Vec<T>,
    /// What is missing, if anything.
    pub(super) missing: Option<Untrusted>,
}

impl<T> Gathered<T> {
    /// As a listing that ended now.
    pub(super) fn listing(self) -> Listing<T> {
        let as_of = super::wall_clock();
        match self.missing {
            None => Listing::Complete { items: self.items, as_of },
            Some(why) => Listing::Incomplete { items: self.items, as_of, why },
        }
    }

    /// The same with other items.
    pub(super) fn map<U>(self, change: impl FnMut(T) -> U) -> Gathered<U> {
        Gathered { items: self.items.into_iter().map(change).collect(), missing: self.missing }
    }
}

/// All pages. A page that fails ends the listing: what came before it is kept, and the reason; without a first page there is only the error.
///
/// # Errors
/// The first page's.
pub(super) async fn gather<T, F>(fetch: impl Fn(Option<String>) -> F + Send + Sync) -> Result<Gathered<T>, CloudError>
where
    T: Send,
    F: Future<Output = Result<(Vec<T>, Option<String>), CloudError>> + Send,
{
    let (mut items, mut next) = fetch(None).await?;
    for page in 2..=MOST {
        let Some(token) = next.filter(|token| !token.is_empty()) else { return Ok(Gathered { items, missing: None }) };
        match fetch(Some(token.clone())).await {
            // A service that gives the same token again would be asked for ever.
            Ok((_, Some(same))) if same == token => {
                return Ok(Gathered { items, missing: Some(format!("page {page} names itself as the next").into()) });
            }
            Ok((more, token)) => {
                items.extend(more);
                next = token;
            }
            Err(error) => return Ok(Gathered { items, missing: Some(format!("page {page}: {error}").into()) }),
        }
    }
    Ok(Gathered { items, missing: Some(format!("it has more than {MOST} pages").into()) })
}

/// All pages, or the error of the one that failed: for questions to which half an answer is none.
///
/// # Errors
/// The failed page's, or Unsupported for a listing without end.
pub(super) async fn all<T, F>(api: &str, fetch: impl Fn(Option<String>) -> F + Send + Sync) -> Result<Vec<T>, CloudError>
where
    T: Send,
    F: Future<Output = Result<(Vec<T>, Option<String>), CloudError>> + Send,
{
    let gathered = gather(fetch).await?;
    match gathered.missing {
        None => Ok(gathered.items),
        Some(why) => Err(CloudError::new(CloudErrorKind::Unsupported, api, why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    async fn page(token: Option<String>) -> Result<(Vec<u8>, Option<String>), CloudError> {
        match token.as_deref() {
            None => Ok((vec![1], Some("2".to_owned()))),
            Some("2") => Ok((vec![2], Some("3".to_owned()))),
            _ => Err(CloudError::new(CloudErrorKind::Throttled, "DescribeThings", "slow down")),
        }
    }

    #[test]
    fn a_failed_page_makes_the_listing_incomplete() {
        let gathered = block_on(gather(page)).unwrap();
        assert_eq!(gathered.items, [1, 2]);
        assert_eq!(gathered.missing.map(|why| why.shown()).as_deref(), Some("page 3: DescribeThings: throttled: slow down"));
        assert!(block_on(all("DescribeThings", page)).is_err());
    }

    #[test]
    fn a_failed_first_page_is_the_error_and_a_loop_ends() {
        let failed = block_on(gather(|_| page(Some("9".to_owned()))));
        assert_eq!(failed.err().map(|error| error.kind), Some(CloudErrorKind::Throttled));
        let looped = block_on(gather(|_| async { Ok((vec![1], Some("same".to_owned()))) })).unwrap();
        assert_eq!((looped.items.len(), looped.missing.is_some()), (1, true));
    }
}
