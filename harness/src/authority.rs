//! A certificate authority of a mesh's own, and the certificates of its services.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};

use crate::error::{BoxError, Error};

/// An authority: whoever trusts it trusts what it has signed. Its key is in memory only.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a certificate is for.
#[derive(Debug, Clone, Default)]
pub struct Leaf {
    common_name: String,
    names: Vec<Name>,
    years: Option<(i32, i32)>,
    serial: Option<u64>,
}

/// A name that a certificate is for.
#[derive(Debug, Clone)]
enum Name {
    Dns(String),
    Uri(String),
    Ip(IpAddr),
    Email(String),
}

/// A certificate with its key, both as PEM.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub chain: String,
    /// The key.
    pub key: String,
}

/// Certificates hold for so long unless something else is wished; tests need not fear the clock.
const YEARS: (i32, i32) = (2020, 2120);

// === impl Authority ===

impl Authority {
    /// An authority of that name, with a new key.
    ///
    /// # Errors
    /// [`Error::Step`] if there is no such certificate.
    pub fn new(name: &str) -> Result<Self, Error> {
        Self::make(name).map_err(|error| Error::step("make a certificate authority", error))
    }

    fn make(name: &str) -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = between(YEARS);
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Its certificate as PEM, for who is to trust it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A new key and the certificate that it is this leaf's.
    ///
    /// # Errors
    /// [`Error::Step`] if there is no such certificate.
    pub fn issue(&self, leaf: &Leaf) -> Result<Pair, Error> {
        self.sign(leaf).map_err(|error| Error::step("issue a certificate", error))
    }

    fn sign(&self, leaf: &Leaf) -> Result<Pair, BoxError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name = named(&leaf.common_name);
        params.serial_number = leaf.serial.map(SerialNumber::from);
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = between(leaf.years.unwrap_or(YEARS));
        for name in &leaf.names {
            params.subject_alt_names.push(match name {
                Name::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
                Name::Uri(name) => SanType::URI(name.as_str().try_into()?),
                Name::Email(name) => SanType::Rfc822Name(name.as_str().try_into()?),
                Name::Ip(address) => SanType::IpAddress(*address),
            });
        }
        let chain = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Pair { chain, key: key.serialize_pem() })
    }

    /// A list that takes back the certificate of that number.
    ///
    /// # Errors
    /// [`Error::Step`] if there is no such list.
    pub fn revoke(&self, serial: u64) -> Result<String, Error> {
        let (this_update, next_update) = between(YEARS);
        let params = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: this_update,
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).and_then(|list| list.pem());
        list.map_err(|error| Error::step("make a list of revoked certificates", error))
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::OrganizationName, "Mesh");
    named.push(DnType::CommonName, name);
    named
}

fn between((from, to): (i32, i32)) -> (time::OffsetDateTime, time::OffsetDateTime) {
    (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1))
}

// === impl Leaf ===

impl Leaf {
    /// A certificate of that common name, for no other yet.
    pub fn new(common_name: &str) -> Self {
        Self { common_name: common_name.to_owned(), ..Self::default() }
    }

    /// For a host too.
    #[must_use]
    pub fn dns(self, name: &str) -> Self {
        self.named(Name::Dns(name.to_owned()))
    }

    /// For a service too, by its SPIFFE id or another URI.
    #[must_use]
    pub fn uri(self, name: &str) -> Self {
        self.named(Name::Uri(name.to_owned()))
    }

    /// For an address too.
    #[must_use]
    pub fn ip(self, address: IpAddr) -> Self {
        self.named(Name::Ip(address))
    }

    /// For a mail address too.
    #[must_use]
    pub fn email(self, name: &str) -> Self {
        self.named(Name::Email(name.to_owned()))
    }

    /// Holds from the first day of the one year to the first day of the other.
    #[must_use]
    pub fn years(mut self, from: i32, to: i32) -> Self {
        self.years = Some((from, to));
        self
    }

    /// Has this number; otherwise it is a random one.
    #[must_use]
    pub fn serial(mut self, number: u64) -> Self {
        self.serial = Some(number);
        self
    }

    fn named(mut self, name: Name) -> Self {
        self.names.push(name);
        self
    }
}
