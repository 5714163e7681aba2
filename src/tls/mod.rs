//! TLS to servers: by the system's certificates and those of the file that the user names.
//!
//! What stands in that file is trusted as an authority and, byte for byte, as the server's own
//! certificate: `openssl req -x509`, as InfluxDB's manual has it, makes one that says it is an authority,
//! and no authority may be a server (`webpki` refuses it; curl and Go do not).

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use ureq::tls::{PemItem, parse_pem};

/// Why no secure connection can be prepared.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The library refuses.
    #[error("TLS cannot be used")]
    Refused(#[source] rustls::Error),
}

/// How a client of ours speaks TLS. `ca_file`: certificates (PEM) to trust beside the system's.
///
/// # Errors
/// When the file cannot be read or holds no certificate.
pub fn client_config(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let named = ca_file.map(read).transpose()?.unwrap_or_default();
    let system = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    roots.add_parsable_certificates(named.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let by_authority = if roots.is_empty() {
        None
    } else {
        let roots = Arc::new(roots);
        let made = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider));
        let made = made.build();
        Some(made.map_err(|error| TlsError::Refused(rustls::Error::General(error.to_string())))?)
    };
    let verifier = Arc::new(Verifier {
        by_authority,
        named,
        algorithms,
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(rustls::DEFAULT_VERSIONS)
        .map_err(TlsError::Refused)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Trusts what an authority has signed, and the certificates that the user has named.
#[derive(Debug)]
struct Verifier {
    /// None: no authority is known.
    by_authority: Option<Arc<WebPkiServerVerifier>>,
    named: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        use CertificateError as E;
        let Some(by_authority) = &self.by_authority else {
            return Err(E::UnknownIssuer.into());
        };
        let refused = match by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(refused) => refused,
            well => return well,
        };
        // Its time is looked at before anything else, so that any other reason means: within its time.
        let out_of_time = matches!(
            refused,
            rustls::Error::InvalidCertificate(
                E::Expired
                    | E::ExpiredContext { .. }
                    | E::NotValidYet
                    | E::NotValidYetContext { .. }
            )
        );
        if out_of_time || !self.named.iter().any(|named| **named == **end_entity) {
            return Err(refused);
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        match verify_server_name(&parsed, server_name) {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            // Without a name in the place that is meant for it the old place counts, as for curl.
            Err(_) if bears_common_name(end_entity, server_name) => {
                Ok(ServerCertVerified::assertion())
            }
            Err(other_name) => Err(other_name),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether a certificate without alternative names has this one as its common name. The user has named the
/// certificate byte for byte: no more of it need be understood than where the name stands.
fn bears_common_name(certificate: &[u8], server_name: &ServerName<'_>) -> bool {
    const ALTERNATIVE_NAMES: [u8; 5] = [0x06, 0x03, 0x55, 0x1d, 0x11];
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    if certificate
        .windows(5)
        .any(|bytes| bytes == ALTERNATIVE_NAMES)
    {
        return false;
    }
    // The issuer's stands first, the subject's last. A text: its kind, its length, its bytes.
    let at = certificate
        .windows(5)
        .rposition(|bytes| bytes == COMMON_NAME);
    let text = at.and_then(|at| certificate.get(at + 5..));
    let Some([0x0c | 0x13 | 0x16, length @ ..=0x7f, rest @ ..]) = text else {
        return false;
    };
    let name = rest.get(..usize::from(*length)).unwrap_or_default();
    let name = String::from_utf8_lossy(name);
    server_name.to_str().eq_ignore_ascii_case(&name)
}

/// The certificates of a file (PEM).
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::CaFile {
        path: path.to_owned(),
        source,
    };
    let pem = std::fs::read(path).map_err(failed)?;
    let found = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(found)) => Some(CertificateDer::from(found.der().to_vec())),
        _ => None,
    });
    let found: Vec<_> = found.collect();
    if found.is_empty() {
        let nothing = io::Error::other("there is no certificate (PEM) in it");
        return Err(failed(nothing));
    }
    Ok(found)
}
