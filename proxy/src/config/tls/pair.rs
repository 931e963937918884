//! A certificate chain with its key.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, SignatureAlgorithm};

use crate::stream_info::certificate::Certificate;

/// A certificate chain with its key, read and found to belong together.
#[derive(Clone)]
pub struct Pair {
    /// What rustls shows and signs with.
    pub key: Arc<CertifiedKey>,
    /// The chain's first certificate.
    pub leaf: Arc<Certificate>,
    /// Where it comes from; empty if it stands in the configuration.
    pub path: String,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// The name of the secret that it is; empty if it is none.
    pub secret: String,
}

/// What is wrong with a chain or a key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PairError {
    /// The chain is no PEM.
    #[error("the certificate chain cannot be read: {0}")]
    Chain(String),
    /// There is none in it.
    #[error("there is no certificate in it")]
    NoCertificate,
    /// It is PEM, and no certificate.
    #[error("certificate {0} of the chain is broken")]
    Certificate(usize),
    /// The key cannot be read.
    #[error("the private key cannot be read: {0}")]
    Key(String),
    /// The key is of a kind that is not known.
    #[error(
        "the private key is of a kind that is not supported: RSA of 2048 bits and more, P-256, P-384, P-521 and Ed25519 are"
    )]
    Kind,
    /// They do not belong together.
    #[error("the private key is not the certificate's")]
    Mismatch,
}

// === impl Pair ===

impl Pair {
    /// Reads both.
    ///
    /// # Errors
    /// One is broken, or they do not belong together.
    pub fn read(chain: &[u8], key: &[u8], path: &str) -> Result<Self, PairError> {
        let (chain, leaf) = chain_of(chain)?;
        let key = key_of(key)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
            Err(_other) => return Err(PairError::Mismatch),
        }
        Ok(Self {
            key: Arc::new(certified),
            leaf: Arc::new(leaf),
            path: path.to_owned(),
            files: Vec::new(),
            secret: String::new(),
        })
    }

    /// Whether its key is an elliptic one.
    pub fn is_ecdsa(&self) -> bool {
        self.key.key.algorithm() == SignatureAlgorithm::ECDSA
    }

    /// Whether it is for that name, which is in lower case: exactly, or by a `*.` for its first label.
    pub fn fits(&self, name: &str) -> Fit {
        let after = name.split_once('.').map(|(_, rest)| rest);
        let mut names = self.leaf.dns().peekable();
        let common = names.peek().is_none().then_some(self.leaf.common_name.as_str());
        let mut best = Fit::None;
        for own in names.chain(common) {
            if own.eq_ignore_ascii_case(name) {
                return Fit::Exact;
            }
            if let (Some(own), Some(after)) = (own.strip_prefix("*."), after)
                && own.eq_ignore_ascii_case(after)
            {
                best = Fit::Wildcard;
            }
        }
        best
    }
}

impl fmt::Debug for Pair {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, leaf) = (&self.path, &self.leaf);
        let shown = format_args!("{:?} {} of {path:?}", leaf.subject, leaf.serial);
        f.debug_tuple("Pair").field(&shown).finish()
    }
}

/// How a certificate is for a name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fit {
    /// It is not.
    None,
    /// By a `*.`.
    Wildcard,
    /// By the name itself.
    Exact,
}

/// The certificates of a PEM text, and the first of them read.
fn chain_of(text: &[u8]) -> Result<(Vec<CertificateDer<'static>>, Certificate), PairError> {
    let chain = certificates(text).map_err(PairError::Chain)?;
    let Some(first) = chain.first() else { return Err(PairError::NoCertificate) };
    let leaf = Certificate::parse(first).ok_or(PairError::Certificate(1))?;
    for (index, one) in chain.iter().enumerate().skip(1) {
        if Certificate::parse(one).is_none() {
            return Err(PairError::Certificate(index + 1));
        }
    }
    Ok((chain, leaf))
}

/// All certificates of a PEM text.
///
/// # Errors
/// It is not PEM, in the words of who reads it.
pub fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>().map_err(words)
}

fn key_of(text: &[u8]) -> Result<Arc<dyn SigningKey>, PairError> {
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => PairError::Key(String::from(
            "there is none in it, or it is encrypted, which is not supported",
        )),
        other => PairError::Key(words(other)),
    })?;
    any_supported_type(&key).map_err(|_kind| PairError::Kind)
}

fn words(error: pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => String::from("it breaks off in the middle"),
        pem::Error::IllegalSectionStart { .. } => String::from("a line that begins it is wrong"),
        pem::Error::Base64Decode(_) => String::from("what is in it is not base64"),
        other => other.to_string(),
    }
}
