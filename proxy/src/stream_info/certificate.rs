//! What an X.509 certificate says, in the words of Envoy's logs and headers.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use x509_parser::asn1_rs::{FromDer, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::x509::X509Name;

/// A certificate, read. What is a text here is made once, when the connection begins or the file is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Its bytes (DER).
    pub der: Box<[u8]>,
    /// Whom it is for, by RFC 2253.
    pub subject: String,
    /// Who signed it, by RFC 2253.
    pub issuer: String,
    /// Its number, in lower case hexadecimal digits.
    pub serial: String,
    /// The names that it is for, in their order.
    pub names: Vec<Name>,
    /// The common name of its subject; empty if it has none.
    pub common_name: String,
    /// When it begins to hold.
    pub not_before: SystemTime,
    /// When it ends to hold.
    pub not_after: SystemTime,
    /// Its public key (SubjectPublicKeyInfo, DER).
    pub spki: Box<[u8]>,
}

/// A subject alternative name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Name {
    /// `DNS`.
    Dns(String),
    /// `URI`.
    Uri(String),
    /// `EMAIL`.
    Email(String),
    /// `IP_ADDRESS`, as text.
    Ip(String),
    /// One of another kind, which nothing here asks for.
    Other,
}

// === impl Certificate ===

impl Certificate {
    /// Reads one; none if the bytes are no certificate.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let names =
            read.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    Some(names.general_names.iter().map(Name::of).collect())
                }
                _ => None,
            });
        let common_name = read.subject().iter_common_name().next();
        Some(Self {
            subject: rfc2253(read.subject()),
            issuer: rfc2253(read.issuer()),
            serial: hex(unsigned(read.raw_serial())),
            names: names.unwrap_or_default(),
            common_name: common_name
                .and_then(|name| name.as_str().ok())
                .unwrap_or_default()
                .to_owned(),
            not_before: moment(read.validity().not_before.timestamp()),
            not_after: moment(read.validity().not_after.timestamp()),
            spki: read.public_key().raw.into(),
            der: der.into(),
        })
    }

    /// The names of that kind.
    pub fn uris(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Uri(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names of that kind.
    pub fn dns(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Dns(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names of that kind.
    pub fn ips(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Ip(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names of that kind.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| match name {
            Name::Email(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The SHA-256 of its bytes, in lower case hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        hex(&sha256(&self.der))
    }

    /// The SHA-256 of its public key.
    pub fn key_hash(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// The same in base64 between two lines that say so, as OpenSSL writes it.
    pub fn pem(&self) -> String {
        pem(&self.der)
    }
}

/// The SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// Their SHA-1, in lower case hexadecimal digits.
pub fn sha1(bytes: &[u8]) -> String {
    hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

/// The number of a certificate, in lower case hexadecimal digits; none if the bytes are no certificate.
pub fn serial(der: &[u8]) -> Option<String> {
    let (_, read) = X509Certificate::from_der(der).ok()?;
    Some(hex(unsigned(read.raw_serial())))
}

/// A certificate's bytes in base64 between two lines that say so, as OpenSSL writes it.
pub fn pem(der: &[u8]) -> String {
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    // 48 bytes make a line of 64 characters.
    for line in der.chunks(48) {
        base64(line, &mut text);
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// A PEM for a place where a line must have no other meaning: what has one elsewhere is its number.
pub fn url_encoded(pem: &str) -> String {
    let mut encoded = String::with_capacity(pem.len() + pem.len() / 16);
    for character in pem.chars() {
        match character {
            '\n' => encoded.push_str("%0A"),
            ' ' => encoded.push_str("%20"),
            '+' => encoded.push_str("%2B"),
            '/' => encoded.push_str("%2F"),
            '=' => encoded.push_str("%3D"),
            other => encoded.push(other),
        }
    }
    encoded
}

fn base64(bytes: &[u8], text: &mut String) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or_default());
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let digit = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
}

/// Bytes in lower case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A number without the zero that only says that it is positive.
fn unsigned(number: &[u8]) -> &[u8] {
    match number {
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    }
}

fn moment(seconds: i64) -> SystemTime {
    match u64::try_from(seconds) {
        Ok(after) => SystemTime::UNIX_EPOCH + Duration::from_secs(after),
        Err(_before) => SystemTime::UNIX_EPOCH - Duration::from_secs(seconds.unsigned_abs()),
    }
}

/// A name as RFC 2253 writes it: the last part first.
fn rfc2253(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter_rdn().collect();
    let mut text = String::new();
    for (index, part) in parts.into_iter().rev().enumerate() {
        if index > 0 {
            text.push(',');
        }
        for (index, attribute) in part.iter().enumerate() {
            if index > 0 {
                text.push('+');
            }
            let oid = attribute.attr_type().to_id_string();
            text.push_str(short(&oid).unwrap_or(&oid));
            text.push('=');
            let value = attribute.attr_value();
            let is_text = [
                Tag::Utf8String,
                Tag::PrintableString,
                Tag::Ia5String,
                Tag::T61String,
                Tag::VisibleString,
            ];
            if is_text.contains(&value.tag()) {
                escape(value.data, &mut text);
            } else if value.tag() == Tag::BmpString {
                escape_wide(value.data, &mut text);
            } else {
                text.push('#');
                text.push_str(&hex(value.data).to_ascii_uppercase());
            }
        }
    }
    text
}

/// How OpenSSL abbreviates the kinds of attributes.
fn short(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "street",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        "2.5.4.43" => "initials",
        "2.5.4.45" => "x500UniqueIdentifier",
        "2.5.4.46" => "dnQualifier",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// With a backslash before what has a meaning, and all beyond ASCII as its bytes (`XN_FLAG_RFC2253`).
fn escape(value: &[u8], text: &mut String) {
    for (index, byte) in value.iter().enumerate() {
        let ends = index == 0 || index + 1 == value.len();
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b' ' if ends => text.push_str("\\ "),
            b'#' if index == 0 => text.push_str("\\#"),
            b' '..=b'~' => text.push(char::from(*byte)),
            other => {
                // A string takes whatever is written to it.
                let _ = write!(text, "\\{other:02X}");
            }
        }
    }
}

/// The same of UTF-16.
fn escape_wide(value: &[u8], text: &mut String) {
    let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let decoded: String =
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
    escape(decoded.as_bytes(), text);
}

// === impl Name ===

impl Name {
    fn of(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(name) => Self::Dns((*name).to_owned()),
            GeneralName::URI(name) => Self::Uri((*name).to_owned()),
            GeneralName::RFC822Name(name) => Self::Email((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match *bytes {
                [a, b, c, d] => Self::Ip(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
                bytes => match <[u8; 16]>::try_from(bytes) {
                    Ok(bytes) => Self::Ip(std::net::Ipv6Addr::from(bytes).to_string()),
                    Err(_length) => Self::Other,
                },
            },
            _ => Self::Other,
        }
    }

    /// The name itself; none of a kind that nothing here asks for.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Dns(text) | Self::Uri(text) | Self::Email(text) | Self::Ip(text) => Some(text),
            Self::Other => None,
        }
    }
}
