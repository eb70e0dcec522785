//! The calls of an image's life as lines for AWS's own command line.

use serde_json::{Value, json};

use crate::domain::call::ImageCall;
use crate::domain::text::shell_word;

/// A call as one line.
#[must_use]
pub fn image_line(call: &ImageCall) -> String {
    let of = |call: &str, image: &str| format!("aws ec2 {call} --image-id {}", shell_word(image));
    match call {
        ImageCall::Tag { image, tags } => {
            let tags: Value = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            format!("aws ec2 create-tags --resources {} --tags {}", shell_word(image.as_str()), shell_word(&tags.to_string()))
        }
        ImageCall::Untag { image, keys } => {
            let keys: Value = keys.iter().map(|key| json!({ "Key": key })).collect();
            format!("aws ec2 delete-tags --resources {} --tags {}", shell_word(image.as_str()), shell_word(&keys.to_string()))
        }
        ImageCall::Protect { image } => of("enable-image-deregistration-protection", image.as_str()),
        ImageCall::Deregister { image } => of("deregister-image", image.as_str()),
        ImageCall::DeleteSnapshot { snapshot } => format!("aws ec2 delete-snapshot --snapshot-id {}", shell_word(snapshot)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_from_outside_stays_one_word() {
        let call = ImageCall::Tag { image: "ami-1".into(), tags: vec![("qd:blocked".to_owned(), "it's; $(rm)".to_owned())] };
        assert_eq!(image_line(&call), r#"aws ec2 create-tags --resources ami-1 --tags '[{"Key":"qd:blocked","Value":"it'\''s; $(rm)"}]'"#);
        assert_eq!(image_line(&ImageCall::DeleteSnapshot { snapshot: "snap-1".to_owned() }), "aws ec2 delete-snapshot --snapshot-id snap-1");
    }
}
