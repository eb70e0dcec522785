//! The calls of a bake as lines for AWS's own command line, for whoever has to go on by hand.

use serde_json::{Value, json};

use crate::domain::build_call::{BuildCall, RunInstance};
use crate::domain::text::shell_word;

/// A call as one line.
#[must_use]
pub fn build_line(call: &BuildCall) -> String {
    match call {
        BuildCall::RunInstance(run) => run_line(run),
        BuildCall::StopInstance { instance } => format!("aws ec2 stop-instances --instance-ids {}", shell_word(instance.as_str())),
        BuildCall::CreateImage { instance, name, tags } => format!(
            "aws ec2 create-image --instance-id {} --name {} --tag-specifications {} {}",
            shell_word(instance.as_str()),
            shell_word(name),
            tagged("image", tags),
            tagged("snapshot", tags)
        ),
        BuildCall::TagResource { id, tags } => {
            format!("aws ec2 create-tags --resources {} --tags {}", shell_word(id), shell_word(&tag_list(tags).to_string()))
        }
        BuildCall::TerminateInstance { instance } => format!("aws ec2 terminate-instances --instance-ids {}", shell_word(instance.as_str())),
        BuildCall::DeleteVolume { volume } => format!("aws ec2 delete-volume --volume-id {}", shell_word(volume)),
        BuildCall::DeleteKeyPair { key_pair } => format!("aws ec2 delete-key-pair --key-pair-id {}", shell_word(key_pair)),
        BuildCall::ShareImage { image, accounts } => {
            let add: Vec<String> = accounts.iter().map(|account| format!("{{UserId={account}}}")).collect();
            let permission = shell_word(&format!("Add=[{}]", add.join(",")));
            format!("aws ec2 modify-image-attribute --image-id {} --launch-permission {permission}", shell_word(image.as_str()))
        }
        BuildCall::CopyImage(copy) => format!(
            "aws ec2 copy-image --region {} --source-region {} --source-image-id {} --name {} --client-token {} --tag-specifications {} {}",
            shell_word(&copy.to),
            shell_word(&copy.from),
            shell_word(copy.image.as_str()),
            shell_word(&copy.name),
            shell_word(&copy.token),
            tagged("image", &copy.tags),
            tagged("snapshot", &copy.tags)
        ),
        BuildCall::RunPacker { template, variables } => {
            let options: Vec<String> = variables.iter().map(|(name, value)| format!("-var {} ", shell_word(&format!("{name}={value}")))).collect();
            format!("packer build {}{}", options.concat(), shell_word(template))
        }
        BuildCall::EndPacker { at_once } => format!("kill -{} -- -PROCESS_GROUP_OF_PACKER", if *at_once { "KILL" } else { "INT" }),
        BuildCall::DeleteSecurityGroup { group } => format!("aws ec2 delete-security-group --group-id {}", shell_word(group)),
    }
}

/// User data is named, not written out: `qd recipe render` writes it.
fn run_line(run: &RunInstance) -> String {
    let machine = &run.machine;
    let mut line = format!(
        "aws ec2 run-instances --image-id {} --instance-type {} --client-token {} --instance-initiated-shutdown-behavior stop \
         --metadata-options HttpTokens=required",
        shell_word(run.image.as_str()),
        shell_word(&machine.instance_type),
        shell_word(&run.token)
    );
    let mut option = |name: &str, value: &str| line.push_str(&format!(" --{name} {value}"));
    if let Some(subnet) = &machine.subnet {
        option("subnet-id", &shell_word(subnet));
    }
    if !machine.security_groups.is_empty() {
        let groups: Vec<String> = machine.security_groups.iter().map(|group| shell_word(group)).collect();
        option("security-group-ids", &groups.join(" "));
    }
    if let Some(profile) = &machine.instance_profile {
        option("iam-instance-profile", &shell_word(&format!("Name={profile}")));
    }
    if let (Some(device), Some(gib)) = (&run.root_device, machine.root_gib) {
        option("block-device-mappings", &shell_word(&format!("DeviceName={device},Ebs={{VolumeSize={gib},DeleteOnTermination=true}}")));
    }
    if run.user_data.is_some() {
        option("user-data", "file://user-data");
    }
    option("tag-specifications", &format!("{} {}", tagged("instance", &run.tags), tagged("volume", &run.tags)));
    line
}

fn tagged(resource: &str, tags: &[(String, String)]) -> String {
    shell_word(&json!({ "ResourceType": resource, "Tags": tag_list(tags) }).to_string())
}

/// Tags as JSON, which the command line takes where values may hold commas and brackets.
fn tag_list(tags: &[(String, String)]) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_from_outside_stay_one_word_of_json() {
        let tags = vec![("qd:note".to_owned(), "it's, [odd]; $(rm)".to_owned())];
        let line = build_line(&BuildCall::CreateImage { instance: "i-1".into(), name: "web 2.17.0".to_owned(), tags });
        assert_eq!(
            line,
            r#"aws ec2 create-image --instance-id i-1 --name 'web 2.17.0' --tag-specifications '{"ResourceType":"image","Tags":[{"Key":"qd:note","Value":"it'\''s, [odd]; $(rm)"}]}' '{"ResourceType":"snapshot","Tags":[{"Key":"qd:note","Value":"it'\''s, [odd]; $(rm)"}]}'"#
        );
    }
}
