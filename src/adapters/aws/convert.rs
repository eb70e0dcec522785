//! Launch template data from the form it is told in to the form it is asked in. What cannot be carried over is named, never dropped.

use aws_sdk_ec2::types as ec2;

use super::canonical::{Canon, lost};
use crate::domain::call::{CloudError, CloudErrorKind};

/// What AWS tells about a template and nobody can ask for: whether metadata options are in force yet.
const TOLD_ONLY: [&str; 1] = ["metadata_options.state"];

/// Carries fields of the same name and type.
macro_rules! carry {
    ($from:expr => $to:ty: $($field:ident),+) => {{
        let from = $from;
        let mut to = <$to>::builder().build();
        $(to.$field = from.$field.clone();)+
        to
    }};
}

/// The data as a request, every field of it; `root` is the device name of the image's own root volume.
///
/// # Errors
/// Invalid, naming the fields this conversion does not know.
pub(super) fn request_data(
    api: &str,
    data: &ec2::ResponseLaunchTemplateData,
    root: Option<&str>,
) -> Result<ec2::RequestLaunchTemplateData, CloudError> {
    let mut request = plain(data);
    request.iam_instance_profile =
        data.iam_instance_profile().map(|it| carry!(it => ec2::LaunchTemplateIamInstanceProfileSpecificationRequest: arn, name));
    request.block_device_mappings = list(data.block_device_mappings.as_deref(), |it| mapping(it, None));
    request.network_interfaces = list(data.network_interfaces.as_deref(), network_interface);
    request.monitoring = data.monitoring().map(|it| carry!(it => ec2::LaunchTemplatesMonitoringRequest: enabled));
    request.placement = data.placement().map(placement);
    request.tag_specifications =
        list(data.tag_specifications.as_deref(), |it| carry!(it => ec2::LaunchTemplateTagSpecificationRequest: resource_type, tags));
    request.instance_market_options = data.instance_market_options().map(market);
    request.credit_specification = data.credit_specification().map(|it| carry!(it => ec2::CreditSpecificationRequest: cpu_credits));
    request.cpu_options = data
        .cpu_options()
        .map(|it| carry!(it => ec2::LaunchTemplateCpuOptionsRequest: core_count, threads_per_core, amd_sev_snp, nested_virtualization));
    request.capacity_reservation_specification = data.capacity_reservation_specification().map(reservation);
    request.license_specifications =
        list(data.license_specifications.as_deref(), |it| carry!(it => ec2::LaunchTemplateLicenseConfigurationRequest: license_configuration_arn));
    options(data, &mut request);
    check(api, data, &request)?;
    request.block_device_mappings = list(data.block_device_mappings.as_deref(), |it| mapping(it, root));
    Ok(request)
}

/// Fields that are told and asked in the same form.
fn plain(data: &ec2::ResponseLaunchTemplateData) -> ec2::RequestLaunchTemplateData {
    carry!(data => ec2::RequestLaunchTemplateData: kernel_id, ebs_optimized, image_id, instance_type, key_name, ram_disk_id,
        disable_api_termination, disable_api_stop, instance_initiated_shutdown_behavior, user_data, security_group_ids, security_groups)
}

fn options(data: &ec2::ResponseLaunchTemplateData, request: &mut ec2::RequestLaunchTemplateData) {
    request.hibernation_options = data.hibernation_options().map(|it| carry!(it => ec2::LaunchTemplateHibernationOptionsRequest: configured));
    request.metadata_options = data.metadata_options().map(|it| {
        carry!(it => ec2::LaunchTemplateInstanceMetadataOptionsRequest: http_tokens, http_put_response_hop_limit, http_endpoint,
            http_protocol_ipv6, instance_metadata_tags)
    });
    request.enclave_options = data.enclave_options().map(|it| carry!(it => ec2::LaunchTemplateEnclaveOptionsRequest: enabled));
    request.private_dns_name_options = data.private_dns_name_options().map(|it| {
        carry!(it => ec2::LaunchTemplatePrivateDnsNameOptionsRequest: hostname_type, enable_resource_name_dns_a_record,
            enable_resource_name_dns_aaaa_record)
    });
    request.maintenance_options =
        data.maintenance_options().map(|it| carry!(it => ec2::LaunchTemplateInstanceMaintenanceOptionsRequest: auto_recovery));
    request.network_performance_options =
        data.network_performance_options().map(|it| carry!(it => ec2::LaunchTemplateNetworkPerformanceOptionsRequest: bandwidth_weighting));
}

/// Whether any volume is made from a snapshot that the template names.
pub(super) fn names_snapshots(data: &ec2::ResponseLaunchTemplateData) -> bool {
    data.block_device_mappings().iter().any(|mapping| mapping.ebs().is_some_and(|ebs| ebs.snapshot_id().is_some()))
}

/// The mappings for a new version on another image. AWS drops all snapshots from a new version unless they are named: those of data volumes
/// are, so that they do not come up empty; that of the root volume is not, for it is the old image's and the new image brings its own.
pub(super) fn mappings(data: &ec2::ResponseLaunchTemplateData, root: Option<&str>) -> Option<Vec<ec2::LaunchTemplateBlockDeviceMappingRequest>> {
    list(data.block_device_mappings.as_deref(), |it| mapping(it, root))
}

fn mapping(it: &ec2::LaunchTemplateBlockDeviceMapping, root: Option<&str>) -> ec2::LaunchTemplateBlockDeviceMappingRequest {
    let mut to = carry!(it => ec2::LaunchTemplateBlockDeviceMappingRequest: device_name, virtual_name, no_device);
    to.ebs = it.ebs().map(|it| {
        carry!(it => ec2::LaunchTemplateEbsBlockDeviceRequest: encrypted, delete_on_termination, iops, kms_key_id, snapshot_id, volume_size,
            volume_type, throughput, volume_initialization_rate, ebs_card_index)
    });
    if root.is_some()
        && it.device_name() == root
        && let Some(ebs) = &mut to.ebs
    {
        ebs.snapshot_id = None;
    }
    to
}

fn placement(it: &ec2::LaunchTemplatePlacement) -> ec2::LaunchTemplatePlacementRequest {
    carry!(it => ec2::LaunchTemplatePlacementRequest: availability_zone, availability_zone_id, affinity, group_name, host_id, tenancy,
        spread_domain, host_resource_group_arn, partition_number, group_id)
}

fn market(it: &ec2::LaunchTemplateInstanceMarketOptions) -> ec2::LaunchTemplateInstanceMarketOptionsRequest {
    let mut to = carry!(it => ec2::LaunchTemplateInstanceMarketOptionsRequest: market_type);
    to.spot_options = it.spot_options().map(|it| {
        carry!(it => ec2::LaunchTemplateSpotMarketOptionsRequest: max_price, spot_instance_type, block_duration_minutes, valid_until,
            instance_interruption_behavior)
    });
    to
}

fn reservation(it: &ec2::LaunchTemplateCapacityReservationSpecificationResponse) -> ec2::LaunchTemplateCapacityReservationSpecificationRequest {
    let mut to = carry!(it => ec2::LaunchTemplateCapacityReservationSpecificationRequest: capacity_reservation_preference);
    to.capacity_reservation_target = it
        .capacity_reservation_target()
        .map(|it| carry!(it => ec2::CapacityReservationTarget: capacity_reservation_id, capacity_reservation_resource_group_arn));
    to
}

fn network_interface(
    it: &ec2::LaunchTemplateInstanceNetworkInterfaceSpecification,
) -> ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
    let mut to = carry!(it => ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest: associate_carrier_ip_address,
        associate_public_ip_address, delete_on_termination, description, device_index, groups, interface_type, ipv6_address_count,
        network_interface_id, private_ip_address, private_ip_addresses, secondary_private_ip_address_count, subnet_id, network_card_index,
        ipv4_prefix_count, ipv6_prefix_count, primary_ipv6, ena_queue_count);
    to.ipv6_addresses = list(it.ipv6_addresses.as_deref(), |it| carry!(it => ec2::InstanceIpv6AddressRequest: ipv6_address));
    to.ipv4_prefixes = list(it.ipv4_prefixes.as_deref(), |it| carry!(it => ec2::Ipv4PrefixSpecificationRequest: ipv4_prefix));
    to.ipv6_prefixes = list(it.ipv6_prefixes.as_deref(), |it| carry!(it => ec2::Ipv6PrefixSpecificationRequest: ipv6_prefix));
    to.ena_srd_specification = it.ena_srd_specification().map(|it| {
        let mut to = carry!(it => ec2::EnaSrdSpecificationRequest: ena_srd_enabled);
        to.ena_srd_udp_specification = it.ena_srd_udp_specification().map(|it| carry!(it => ec2::EnaSrdUdpSpecificationRequest: ena_srd_udp_enabled));
        to
    });
    to.connection_tracking_specification = it
        .connection_tracking_specification()
        .map(|it| carry!(it => ec2::ConnectionTrackingSpecificationRequest: tcp_established_timeout, udp_timeout, udp_stream_timeout));
    to
}

fn list<T, U>(items: Option<&[T]>, convert: impl Fn(&T) -> U) -> Option<Vec<U>> {
    items.filter(|items| !items.is_empty()).map(|items| items.iter().map(convert).collect())
}

/// Both forms name their fields alike, so whatever the source has and the request lacks was lost, also in fields newer than this code.
fn check(api: &str, data: &ec2::ResponseLaunchTemplateData, request: &ec2::RequestLaunchTemplateData) -> Result<(), CloudError> {
    let mut paths = lost(&Canon::of(data), Some(&Canon::of(request)));
    paths.retain(|path| !TOLD_ONLY.contains(&path.as_str()));
    // `Debug` redacts user data, so the comparison above cannot see it.
    if data.user_data != request.user_data {
        paths.push("user_data".to_owned());
    }
    if paths.is_empty() {
        return Ok(());
    }
    paths.dedup();
    let why = format!("not sent: the template uses {}, which cannot be copied to another template", paths.join(", "));
    Err(CloudError::new(CloudErrorKind::Invalid, api, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> ec2::ResponseLaunchTemplateData {
        let ebs = |snapshot: &str| ec2::LaunchTemplateEbsBlockDevice::builder().snapshot_id(snapshot).volume_size(20).encrypted(true).build();
        let device = |name: &str, snapshot: &str| ec2::LaunchTemplateBlockDeviceMapping::builder().device_name(name).ebs(ebs(snapshot)).build();
        let interface = ec2::LaunchTemplateInstanceNetworkInterfaceSpecification::builder()
            .device_index(0)
            .groups("sg-1")
            .connection_tracking_specification(ec2::ConnectionTrackingSpecification::builder().udp_timeout(9).build())
            .build();
        let tags = ec2::LaunchTemplateTagSpecification::builder()
            .resource_type(ec2::ResourceType::Instance)
            .tags(ec2::Tag::builder().key("app").value("web").build())
            .build();
        let metadata = ec2::LaunchTemplateInstanceMetadataOptions::builder()
            .state(ec2::LaunchTemplateInstanceMetadataOptionsState::Pending)
            .http_tokens(ec2::LaunchTemplateHttpTokensState::Required)
            .build();
        ec2::ResponseLaunchTemplateData::builder()
            .image_id("ami-old")
            .instance_type(ec2::InstanceType::from("m7g.large"))
            .user_data("IyEvYmluL3No")
            .security_group_ids("sg-2")
            .iam_instance_profile(ec2::LaunchTemplateIamInstanceProfileSpecification::builder().name("web").build())
            .block_device_mappings(device("/dev/xvda", "snap-root"))
            .block_device_mappings(device("/dev/sdb", "snap-data"))
            .network_interfaces(interface)
            .tag_specifications(tags)
            .metadata_options(metadata)
            .monitoring(ec2::LaunchTemplatesMonitoring::builder().enabled(true).build())
            .build()
    }

    #[test]
    fn everything_is_carried_but_the_old_root_snapshot() {
        let request = request_data("CreateLaunchTemplateVersion", &full(), Some("/dev/xvda")).unwrap();
        assert_eq!(request.user_data(), Some("IyEvYmluL3No"));
        assert_eq!(request.instance_type().map(ec2::InstanceType::as_str), Some("m7g.large"));
        let snapshots: Vec<_> = request.block_device_mappings().iter().map(|it| it.ebs().and_then(|ebs| ebs.snapshot_id())).collect();
        assert_eq!(snapshots, [None, Some("snap-data")]);
        assert_eq!(request.network_interfaces()[0].connection_tracking_specification().and_then(|it| it.udp_timeout()), Some(9));
    }

    #[test]
    fn what_cannot_be_carried_is_named() {
        let mut data = full();
        let vcpus = ec2::VCpuCountRange::builder().min(2).build();
        data.instance_requirements = Some(ec2::InstanceRequirements::builder().v_cpu_count(vcpus).build());
        data.network_interfaces.as_mut().unwrap()[0].ipv6_addresses =
            Some(vec![ec2::InstanceIpv6Address::builder().ipv6_address("::1").is_primary_ipv6(true).build()]);
        let error = request_data("CreateLaunchTemplateVersion", &data, None).unwrap_err();
        assert_eq!(error.kind, CloudErrorKind::Invalid);
        let words = error.message.shown();
        assert!(words.contains("instance_requirements") && words.contains("network_interfaces.ipv6_addresses.is_primary_ipv6"), "{words}");
    }
}
