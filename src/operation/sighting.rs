//! One round of listings as it was read, so that another process can draw from it what its own store makes of it.

use serde::{Deserialize, Serialize};

use crate::domain::fleet::FleetSpec;
use crate::domain::group::ServerGroup;
use crate::domain::image::Image;
use crate::domain::observation::RouteReading;
use crate::domain::reading::Listing;
use crate::domain::time::WorldTime;

/// What a reader of the cloud saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The fleets found in it.
    pub specs: Vec<FleetSpec>,
    /// All groups.
    pub groups: Listing<ServerGroup>,
    /// All places that forward; none where the load balancers did not answer.
    pub routes: Option<Listing<RouteReading>>,
    /// All images; none where they could not be listed.
    pub images: Option<Listing<Image>>,
    /// What could not be read, in words.
    pub gaps: Vec<String>,
    /// When the round ended.
    pub as_of: WorldTime,
}
