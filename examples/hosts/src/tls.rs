//! TLS for the examples: `rcgen` makes a certificate for this machine, and clients trust only that certificate. A real
//! server loads the files from its certificate authority, and a real client loads the roots of the system.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Returns a server's configuration with a new certificate for `localhost`, and writes the certificate to the file
/// `certificate`. `alpn` is the application protocol: `http/1.1` for WebSockets over HTTP/1.1, `h2` for HTTP/2.
pub fn server(certificate: &Path, alpn: &[u8]) -> io::Result<Arc<ServerConfig>> {
    let made =
        rcgen::generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).map_err(io::Error::other)?;
    std::fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

/// Returns a client's configuration that trusts only the certificate in this file.
pub fn client(certificate: &Path, alpn: &[u8]) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}
