//! Asking AWS whether a call would be accepted: EC2 alone offers that.

use aws_sdk_ec2::types as ec2;

use super::AwsCloud;
use crate::domain::call::{CloudCall, CloudError, CloudErrorKind, DryRun};
use crate::ports::budget::BudgetKey;

const API: &str = "CreateLaunchTemplateVersion";
/// How EC2 says that it would do it.
const WOULD: &str = "DryRunOperation";

impl AwsCloud {
    /// Sends the call with `DryRun`, which is answered with an error either way.
    pub(super) async fn would_accept(&self, call: &CloudCall) -> Result<DryRun, CloudError> {
        let CloudCall::CreateTemplateVersion { template, image, .. } = call else { return Ok(DryRun::NotOffered) };
        let data = ec2::RequestLaunchTemplateData::builder().image_id(image.as_str()).build();
        let ask = || {
            let request = self.shared.ec2.create_launch_template_version().launch_template_id(template.as_str());
            request.launch_template_data(data.clone()).dry_run(true).send()
        };
        match self.gate.read(API, BudgetKey::Ec2TemplateWrite, ask).await {
            Ok(_) => Err(CloudError::new(CloudErrorKind::Unsupported, API, "the endpoint did not understand that it was only asked")),
            Err(error) => said(error),
        }
    }
}

fn said(error: CloudError) -> Result<DryRun, CloudError> {
    match error.kind {
        _ if error.message.raw().starts_with(WOULD) => Ok(DryRun::Allowed),
        CloudErrorKind::Denied => Ok(DryRun::Refused(error.message)),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_for_would_have_succeeded_is_a_yes() {
        let answer = |kind, message: &str| said(CloudError::new(kind, API, message));
        assert_eq!(answer(CloudErrorKind::Invalid, "DryRunOperation: Request would have succeeded"), Ok(DryRun::Allowed));
        let refused = answer(CloudErrorKind::Denied, "UnauthorizedOperation: You are not authorized");
        assert!(matches!(refused, Ok(DryRun::Refused(_))));
        assert!(answer(CloudErrorKind::Throttled, "RequestLimitExceeded").is_err(), "no answer is not a no");
    }
}
