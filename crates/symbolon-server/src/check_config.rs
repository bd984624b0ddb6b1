//! `symbolon check-config`: everything that can be known without binding a port.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use symbolon_store::{Kek, KekError};

use crate::config::{
    Config, Found, KekSource, LoadError, LogFormat, Probe as _, TlsFiles, TlsVersion,
};
use crate::disk::{self, Disk};
use crate::failure::{Failure, chain};
use crate::{radsec, tls};

/// Prints every mistake to standard error, or that there is none and what the settings mean to
/// standard output.
pub(crate) fn run(path: &Path) -> ExitCode {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return refuse(&error),
    };
    let findings = look(&config);
    let warnings = findings.warnings.iter();
    print_errors(warnings.map(|text| format!("warning: {text}")));
    if findings.mistakes.is_empty() {
        print(&format!("ok: {}\n{}", path.display(), summary(&config)));
        return ExitCode::SUCCESS;
    }
    print_errors(findings.mistakes.iter().cloned());
    ExitCode::from(Failure::CONFIG)
}

/// Says why there are no settings.
pub(crate) fn refuse(error: &LoadError) -> ExitCode {
    print_errors(error.lines().into_iter());
    ExitCode::from(Failure::CONFIG)
}

#[expect(clippy::print_stdout, reason = "the answer of the command")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "the mistakes that the command is asked for")]
fn print_errors(lines: impl Iterator<Item = String>) {
    for line in lines {
        eprintln!("{line}");
    }
}

/// What the machine says about settings that are valid as such.
#[derive(Default)]
struct Findings {
    mistakes: Vec<String>,
    warnings: Vec<String>,
}

fn look(config: &Config) -> Findings {
    let mut findings = Findings::default();
    let warnings = config.warnings.iter().map(ToString::to_string);
    findings.warnings.extend(warnings);
    findings.data_dir(&config.data_dir);
    findings.kek(&config.kek);
    if let Some(files) = &config.tls.files {
        findings.tls(config, files);
    }
    if let Some(settings) = &config.radsec
        && let Err(error) = radsec::clients(settings)
    {
        findings.mistakes.push(chain(&error));
    }
    findings
}

impl Findings {
    /// The directory, or where it would be made, must be this user's to write.
    fn data_dir(&mut self, data_dir: &Path) {
        let existing = data_dir.ancestors().find(|path| !matches!(Disk.look(path), Found::Nothing));
        let Some(existing) = existing else { return };
        let name = data_dir.display();
        if Disk.look(existing) != Found::Directory {
            self.mistakes.push(format!(
                "node.data_dir: {name} cannot be made, because {} is not a directory; write another path",
                existing.display()
            ));
        } else if !disk::is_writable(existing) {
            self.mistakes.push(format!(
                "node.data_dir: {name} cannot be written by this user; run as the service's user, or \
                 chown {}",
                existing.display()
            ));
        }
    }

    fn kek(&mut self, kek: &KekSource) {
        let error = match Kek::load(kek.path()) {
            Ok(_) => return,
            // root checks what the service's own user will read.
            Err(KekError::Owner { own: 0, path, .. }) => return self.kek_mode(&path),
            Err(error) => error,
        };
        match (kek, &error) {
            (KekSource::File(_), KekError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound => {}
            _ => self.mistakes.push(format!("keys.kek: {}", chain(&error))),
        }
    }

    fn kek_mode(&mut self, path: &Path) {
        let name = path.display();
        match disk::mode(path) {
            Ok(mode) if mode & 0o077 != 0 => self.mistakes.push(format!(
                "keys.kek: {name} can be read by others (mode {mode:04o}); run: chmod 0600 {name}"
            )),
            Ok(_) => {}
            Err(error) => self.mistakes.push(format!("keys.kek: {name}: {error}")),
        }
    }

    fn tls(&mut self, config: &Config, files: &TlsFiles) {
        if let Ok(mode) = disk::mode(&files.key)
            && mode & 0o007 != 0
        {
            let name = files.key.display();
            self.warnings.push(format!(
                "tls.key: {name} can be read by everybody (mode {mode:04o}); run: chmod o= {name}"
            ));
        }
        let built =
            tls::identity(files).and_then(|identity| tls::api_config(&config.tls, identity));
        if let Err(error) = built {
            self.mistakes.push(chain(&error));
        }
    }
}

/// What the settings mean, defaults included.
fn summary(config: &Config) -> String {
    let Config { listen, tls, .. } = config;
    let told = |address: Option<String>| address.unwrap_or_else(|| "as bound".to_owned());
    let kek = config.kek.path().display();
    let kek = match &config.kek {
        KekSource::File(path) if Disk.look(path) == Found::Nothing => {
            format!("{kek}, which init or join will make")
        }
        KekSource::File(_) => kek.to_string(),
        KekSource::Credential { name, .. } => format!("credential {name}"),
    };
    let certificate = match &tls.files {
        Some(files) => files.certificate.display().to_string(),
        None => "of the cluster's own CA".to_owned(),
    };
    let version = match tls.min_version {
        TlsVersion::V1_2 => "1.2",
        TlsVersion::V1_3 => "1.3",
    };
    let suites = match &tls.cipher_suites {
        Some(suites) => format!("{} chosen", suites.len()),
        None => "all".to_owned(),
    };
    let format = match config.log.format {
        LogFormat::Json => "json",
        LogFormat::Pretty => "pretty",
    };
    let api = told(config.advertise.api.as_ref().map(ToString::to_string));
    let peer = told(config.advertise.peer.as_ref().map(ToString::to_string));
    let rows = [
        ("node", config.name.to_string()),
        ("data", config.data_dir.display().to_string()),
        ("api", format!("{}, told to others {api}", listen.api)),
        ("peer", format!("{}, told to others {peer}", listen.peer)),
        ("metrics", listen.metrics.to_string()),
        ("kek", kek),
        ("certificate", certificate),
        ("tls", format!("{version} and newer, cipher suites: {suites}")),
        ("log", format!("{format}, {}", config.log.filter)),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<11} {value}");
    }
    text
}

#[cfg(test)]
mod tests;
