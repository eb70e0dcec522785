//! TLS to a server of ours: with the certificates that this host trusts, or those of a file that names its own authority.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

#[cfg(feature = "aws")]
use rustls::crypto::aws_lc_rs as ciphers;
#[cfg(not(feature = "aws"))]
use rustls::crypto::ring as ciphers;

use crate::domain::text::escape;

/// Whom to believe. Read once for each round of questions: a renewed file is found by the next.
///
/// # Errors
/// A sentence that says which certificates could not be read.
pub(super) fn trust(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match authorities {
        Some(file) => from_file(file)?,
        None => of_host()?,
    };
    let provider = Arc::new(ciphers::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(|error| format!("TLS: {error}"))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The stream, once the other side has proved that it is this host.
///
/// # Errors
/// What rustls says of it.
pub(super) async fn connect(stream: TcpStream, host: &str, trust: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| format!("'{}' is no name that a certificate could have", escape(host)))?;
    TlsConnector::from(trust).connect(name, stream).await.map_err(|error| error.to_string())
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let shown = escape(&file.display().to_string());
    let mut roots = RootCertStore::empty();
    let read = CertificateDer::pem_file_iter(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    for certificate in read {
        let certificate = certificate.map_err(|error| format!("{shown} is no file of certificates in PEM: {error}"))?;
        roots.add(certificate).map_err(|error| format!("{shown} has a certificate that is none of an authority: {error}"))?;
    }
    if roots.is_empty() { Err(format!("{shown} has no certificate: expected those of an authority in PEM")) } else { Ok(roots) }
}

fn of_host() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A host may keep one that is no good any more beside a hundred that are.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(format!("this host trusts no authority{why}: install its package `ca-certificates`, or name a file as prometheus_ca"));
    }
    Ok(roots)
}
