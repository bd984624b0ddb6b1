//! `symbolon application radius`: how devices ask as an application.

use std::path::{Path, PathBuf};

use symbolon_core::RadiusTarget;
use symbolon_core::limits::RADIUS_SECRET_BYTES_MAX;
use symbolon_proto::v1::{
    self, GetRadiusClientRequest, RemoveRadiusClientRequest, SetRadiusClientRequest,
    application_service_client::ApplicationServiceClient,
};

use super::super::present;
use super::parse_overlap;
use crate::{
    context::Context,
    error::Failure,
    exit::Exit,
    files,
    output::{self, Format},
    table,
    view::{Deleted, RadiusClient},
};

/// A shared secret and the line end behind it.
const SECRET_FILE_BYTES_MAX: u64 = RADIUS_SECRET_BYTES_MAX as u64 + 2;

#[derive(clap::Subcommand)]
pub(super) enum RadiusCommand {
    /// Say how devices ask as an application; what is not given stays as it is
    Set(Box<Wanted>),
    /// Show how devices ask as an application, what that is worth, and what works with it
    Show {
        /// Name of the application
        application: String,
        /// Take what the node has, also when it reaches no master
        #[arg(long)]
        stale: bool,
    },
    /// Let no device ask as an application any more
    Remove {
        /// Name of the application
        application: String,
    },
}

/// What is to stand.
#[derive(clap::Args)]
pub(super) struct Wanted {
    /// Name of the application
    application: String,
    /// Addresses of the devices that come by UDP, 192.0.2.1 or 192.0.2.0/24 for example; may be given more than
    /// once: those that are not given go
    #[arg(long = "device", value_name = "RANGE")]
    ranges: Vec<String>,
    /// Have no device come by UDP
    #[arg(long, conflicts_with = "ranges")]
    no_devices: bool,
    /// Names of the certificates of the devices that come over TLS, vpn.example.org for example, as they stand
    /// in subjectAltName; may be given more than once: those that are not given go
    #[arg(long = "certificate", value_name = "NAME")]
    certificates: Vec<String>,
    /// Have no device come over TLS
    #[arg(long, conflicts_with = "certificates")]
    no_certificates: bool,
    /// File with the secret that the devices that come by UDP share with the cluster, - for standard input; 16
    /// random bytes are wanted, as `openssl rand -hex 16` makes them
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// For how long the secret before is taken too, 24h for example; 0s: not at all
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_overlap)]
    overlap: u32,
    /// Whether requests must have Message-Authenticator; auto: of a device that has sent it once
    #[arg(long, value_name = "WHETHER", value_parser = ["auto", "yes", "no"])]
    signed: Option<String>,
    /// A RADIUS server that judges the password, with the file of the secret that it shares with the cluster, if
    /// it is another than before; may be given more than once, in the order in which they are to be asked
    #[arg(long = "target", value_name = "HOST:PORT[=FILE]", value_parser = parse_target)]
    targets: Vec<(String, Option<PathBuf>)>,
    /// Have no password judged: what is typed as the password is the code
    #[arg(long, conflicts_with = "targets")]
    no_targets: bool,
    /// For how long a target may not answer before the next one is asked
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    target_timeout: Option<u32>,
    /// Where the code is typed when there are targets
    #[arg(long, value_name = "PLACE", value_parser = ["challenge", "behind", "before"])]
    code: Option<String>,
    /// What stands between a password and a code
    #[arg(long, value_name = "TEXT")]
    separator: Option<String>,
    /// What a device is told when no target answers
    #[arg(long, value_name = "WHAT", value_parser = ["silence", "reject"])]
    unreachable: Option<String>,
    /// Whether a request that comes in another packet counts as the same when it names the same session
    #[arg(long, value_name = "WHETHER")]
    retry_identity: Option<bool>,
    /// An attribute that an Access-Accept brings along, Class=staff for example; may be given more than once
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = parse_attribute)]
    attributes: Vec<(String, String)>,
    /// The same for members of a group alone
    #[arg(long = "group-attribute", value_names = ["GROUP", "NAME=VALUE"], num_args = 2)]
    group_attributes: Vec<String>,
    /// Have an Access-Accept bring nothing along
    #[arg(long, conflicts_with_all = ["attributes", "group_attributes"])]
    no_attributes: bool,
}

fn parse_target(text: &str) -> Result<(String, Option<PathBuf>), String> {
    let (address, file) = match text.split_once('=') {
        Some((address, file)) => (address, Some(PathBuf::from(file))),
        None => (text, None),
    };
    if RadiusTarget::can_be_at(address) {
        return Ok((address.to_owned(), file));
    }
    Err("write HOST:PORT, or HOST:PORT=FILE with the file of the secret".to_owned())
}

fn parse_attribute(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_timeout(text: &str) -> Result<u32, String> {
    let time = crate::duration::parse(text).and_then(|time| u32::try_from(time.as_millis()).ok());
    time.ok_or_else(|| "write 3s for example".to_owned())
}

pub(super) async fn run(
    context: &Context,
    command: RadiusCommand,
    format: Format,
) -> Result<Exit, Failure> {
    match command {
        RadiusCommand::Set(wanted) => set(context, *wanted, format).await?,
        RadiusCommand::Show { application, stale } => {
            show(&get(context, application, stale).await?, format)?;
        }
        RadiusCommand::Remove { application } => remove(context, application, format).await?,
    }
    Ok(Exit::Done)
}

async fn set(context: &Context, wanted: Wanted, format: Format) -> Result<(), Failure> {
    // What is not given stays as it is: with its etag, so that nothing in between is lost.
    let present = match get(context, wanted.application.clone(), false).await {
        Ok(client) => client,
        Err(failure) if failure.exit == Exit::No => v1::RadiusClient::default(),
        Err(failure) => return Err(failure),
    };
    let question = SetRadiusClientRequest {
        application: wanted.application.clone(),
        secret: wanted.secret_file.as_deref().map(read_secret).transpose()?.unwrap_or_default(),
        overlap_seconds: wanted.overlap,
        etag: present.etag,
        policy: Some(changed(present.policy.unwrap_or_default(), wanted)?),
    };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).set_radius_client(request).await
        })
        .await?;
    show(&self::present(answer.client)?, format)
}

fn changed(policy: v1::RadiusPolicy, wanted: Wanted) -> Result<v1::RadiusPolicy, Failure> {
    let mut policy = policy;
    if wanted.no_devices || !wanted.ranges.is_empty() {
        policy.ranges = wanted.ranges;
    }
    if wanted.no_certificates || !wanted.certificates.is_empty() {
        policy.certificates = wanted.certificates;
    }
    policy.signed = wanted.signed.unwrap_or(policy.signed);
    if wanted.no_targets || !wanted.targets.is_empty() {
        policy.targets = targets(&policy.targets, wanted.targets)?;
    }
    if let Some(timeout) = wanted.target_timeout {
        policy.targets.iter_mut().for_each(|target| target.timeout_milliseconds = timeout);
    }
    policy.code_place = wanted.code.unwrap_or(policy.code_place);
    policy.separator = wanted.separator.unwrap_or(policy.separator);
    policy.unreachable = wanted.unreachable.unwrap_or(policy.unreachable);
    policy.retry_identity = wanted.retry_identity.unwrap_or(policy.retry_identity);
    let of_groups = wanted.group_attributes.chunks_exact(2).map(|pair| match pair {
        [group, text] => parse_attribute(text).map(|(name, value)| (group.clone(), name, value)),
        _ => Err("write GROUP NAME=VALUE".to_owned()),
    });
    let of_groups = of_groups.collect::<Result<Vec<_>, _>>();
    let of_groups = of_groups
        .map_err(|problem| Failure::usage("A group attribute has no value.".to_owned(), problem))?;
    if wanted.no_attributes || !wanted.attributes.is_empty() || !of_groups.is_empty() {
        let of_all =
            wanted.attributes.into_iter().map(|(name, value)| (String::new(), name, value));
        let attribute = |(group, name, value)| v1::RadiusAttribute { group, name, value };
        policy.attributes = of_all.chain(of_groups).map(attribute).collect();
    }
    Ok(policy)
}

fn targets(
    before: &[v1::RadiusTarget],
    wanted: Vec<(String, Option<PathBuf>)>,
) -> Result<Vec<v1::RadiusTarget>, Failure> {
    let target = |(address, file): (String, Option<PathBuf>)| {
        let known = before.iter().find(|target| target.address == address);
        Ok(v1::RadiusTarget {
            timeout_milliseconds: known.map_or(0, |target| target.timeout_milliseconds),
            secret: file.as_deref().map(read_secret).transpose()?.unwrap_or_default(),
            address,
        })
    };
    wanted.into_iter().map(target).collect()
}

/// A shared secret is a line of text: editors put an end behind it, and devices have no way to type one.
fn read_secret(file: &Path) -> Result<String, Failure> {
    let bytes = files::read_bytes(file, SECRET_FILE_BYTES_MAX).map_err(|error| {
        Failure::configuration(
            format!("The file {} with the shared secret cannot be read: {error}.", file.display()),
            format!("Name a file that holds a secret of 1 to {RADIUS_SECRET_BYTES_MAX} bytes, or - for standard input."),
        )
    })?;
    let text = std::str::from_utf8(&bytes).ok().map(|text| text.trim_end_matches(['\n', '\r']));
    let text = text.filter(|text| (1..=RADIUS_SECRET_BYTES_MAX).contains(&text.len()));
    text.map(str::to_owned).ok_or_else(|| {
        Failure::configuration(
            format!("The file {} holds no shared secret.", file.display()),
            format!("A shared secret is a line of 1 to {RADIUS_SECRET_BYTES_MAX} bytes of text."),
        )
    })
}

async fn get(
    context: &Context,
    application: String,
    allow_stale: bool,
) -> Result<v1::RadiusClient, Failure> {
    let question = GetRadiusClientRequest { application, allow_stale };
    let answer = context
        .read(question, async |channel, request| {
            ApplicationServiceClient::new(channel).get_radius_client(request).await
        })
        .await?;
    present(answer.client)
}

fn show(client: &v1::RadiusClient, format: Format) -> Result<(), Failure> {
    let client = RadiusClient::from(client.clone());
    match format {
        Format::Json => output::json(&client),
        Format::Table => output::line(&details(&client)),
    }
}

fn details(client: &RadiusClient) -> String {
    let policy = &client.policy;
    let mut lines = vec![
        ("Application", client.application.clone()),
        ("Devices", table::or_dash(Some(&policy.ranges.join(" ")))),
        ("Certificates", table::or_dash(Some(&policy.certificates.join(" ")))),
        ("Signed", policy.signed.clone()),
        ("Have signed", table::or_dash(Some(&client.signers.join(" ")))),
        ("Old secret until", table::or_dash(client.old_secret_until.as_deref())),
    ];
    for target in &policy.targets {
        let waits = f64::from(target.timeout_milliseconds) / 1000.0;
        lines.push(("Target", format!("{}, waits {waits} s", target.address)));
    }
    let place = match &policy.separator[..] {
        "" => policy.code_place.clone(),
        separator => format!("{} the password, with {separator:?} between them", policy.code_place),
    };
    lines.push((
        "Code",
        if policy.targets.is_empty() { "is the password".to_owned() } else { place },
    ));
    lines.push(("No target answers", policy.unreachable.clone()));
    lines.push(("Retry identity", table::yes_no(policy.retry_identity)));
    for it in &policy.attributes {
        let whose = it.group.as_ref().map(|group| format!(" (group {group})")).unwrap_or_default();
        lines.push(("Attribute", format!("{} = {}{whose}", it.name, it.value)));
    }
    for way in &client.ways {
        let works = if way.works { "works" } else { "no" };
        lines.push(("Protocol", format!("{} {works}: {}", way.protocol, way.how)));
    }
    for warning in &client.warnings {
        lines.push(("Warning", warning.clone()));
    }
    lines.push(("Etag", client.etag.clone()));
    table::properties(lines)
}

async fn remove(context: &Context, application: String, format: Format) -> Result<(), Failure> {
    let etag = String::new();
    let question = RemoveRadiusClientRequest { application: application.clone(), etag };
    let answer = context
        .write(question, async |channel, request| {
            ApplicationServiceClient::new(channel).remove_radius_client(request).await
        })
        .await?;
    match format {
        Format::Json => output::json(&Deleted { deleted: true, log_index: answer.log_index }),
        Format::Table => {
            let name = output::printable(&application);
            output::line(&format!("No device asks as {name} any more."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port_and_may_bring_a_secret() {
        let file = Some(PathBuf::from("/etc/s"));
        assert_eq!(parse_target("nps:1812=/etc/s"), Ok(("nps:1812".to_owned(), file)));
        assert_eq!(parse_target("[::1]:1812"), Ok(("[::1]:1812".to_owned(), None)));
        for bad in ["nps", "nps:", ":1812", "nps:99999", ""] {
            assert!(parse_target(bad).is_err(), "{bad}");
        }
    }
}
