//! Our verification in rustls' two forms: of clients by a server, and of a server by a client.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};

use crate::config::tls::Validation;

use super::notes;
use super::verify::{Peer, verify};

/// Verifies what peers show.
#[derive(Debug)]
pub(super) struct Verifier {
    validation: Arc<Validation>,
    algorithms: WebPkiSupportedAlgorithms,
    /// The names of the authorities, for clients to choose a certificate by.
    hints: Vec<DistinguishedName>,
    /// Whether a client must show one.
    required: bool,
    /// Whether a server's certificate must be for the name that was asked for.
    for_name: bool,
}

// === impl Verifier ===

impl Verifier {
    /// Verifies clients, if there is anything to verify.
    pub(super) fn of_clients(validation: Option<&Arc<Validation>>, required: bool) -> Option<Self> {
        // Without a validation context Envoy asks for no certificate, required or not.
        let validation = validation?.clone();
        let anchors = validation.anchors.iter().flatten();
        let hints = match validation.authorities.is_empty() {
            true => Vec::new(),
            false => {
                anchors.map(|anchor| DistinguishedName::in_sequence(&anchor.subject)).collect()
            }
        };
        Some(Self { required, hints, ..Self::of_servers(validation, false) })
    }

    /// Verifies servers.
    pub(super) fn of_servers(validation: Arc<Validation>, for_name: bool) -> Self {
        let algorithms =
            rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
        Self { validation, algorithms, hints: Vec::new(), required: false, for_name }
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        peer: Peer<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let found = verify(&self.validation, &self.algorithms, (leaf, others), peer, now);
        let asks = self.validation.asks();
        let (accept, error) = match &found {
            Ok(()) => (true, None),
            Err(refusal) => (self.validation.accept_untrusted, Some(refusal.error.clone())),
        };
        notes::leave(|notes| {
            notes.validated = found.is_ok() && asks;
            notes.refusal = found.err();
        });
        match error.filter(|_| !accept) {
            Some(error) => Err(Error::InvalidCertificate(error)),
            None => Ok(()),
        }
    }

    fn check_signature(
        &self,
        (message, leaf): (&[u8], &CertificateDer<'_>),
        signed: &DigitallySignedStruct,
        is_tls12: bool,
    ) -> Result<HandshakeSignatureValid, Error> {
        notes::leave(|notes| notes.scheme = Some(signed.scheme));
        match is_tls12 {
            true => verify_tls12_signature(message, leaf, signed, &self.algorithms),
            false => verify_tls13_signature(message, leaf, signed, &self.algorithms),
        }
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(leaf, others, Peer::Client, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature((message, leaf), signed, true)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature((message, leaf), signed, false)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let wanted = match name {
            ServerName::DnsName(name) if self.for_name => Some(name.as_ref()),
            _ => None,
        };
        self.check(leaf, others, Peer::Server(wanted), now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature((message, leaf), signed, true)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature((message, leaf), signed, false)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
