//! The hash functions that Envoy balances by: xxHash64 and 64-bit MurmurHash2.
//!
//! Both are written out here, since every bit counts: a client must meet the same host through either proxy.

const P1: u64 = 0x9E37_79B1_85EB_CA87;
const P2: u64 = 0xC2B2_AE3D_27D4_EB4F;
const P3: u64 = 0x1656_67B1_9E37_79F9;
const P4: u64 = 0x85EB_CA77_C2B2_AE63;
const P5: u64 = 0x27D4_EB2F_1656_67C5;

/// MurmurHash2's multiplier.
const M: u64 = 0xC6A4_A793_5BD1_E995;

/// The seed that `std::hash` of GNU's C++ library has, which this function imitates.
const MURMUR_SEED: u64 = 0xC70F_6907;

/// xxHash64.
pub fn xx(bytes: &[u8], seed: u64) -> u64 {
    let mut blocks = bytes.chunks_exact(32);
    let mut hash = if bytes.len() < 32 {
        seed.wrapping_add(P5)
    } else {
        let mut lanes = [
            seed.wrapping_add(P1).wrapping_add(P2),
            seed.wrapping_add(P2),
            seed,
            seed.wrapping_sub(P1),
        ];
        for block in &mut blocks {
            for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
                *lane = round(*lane, number(word));
            }
        }
        let turned = [1, 7, 12, 18].into_iter().zip(lanes);
        let sum = turned.fold(0_u64, |sum, (by, lane)| sum.wrapping_add(lane.rotate_left(by)));
        lanes
            .into_iter()
            .fold(sum, |hash, lane| (hash ^ round(0, lane)).wrapping_mul(P1).wrapping_add(P4))
    };
    let rest = if bytes.len() < 32 { bytes } else { blocks.remainder() };
    hash = hash.wrapping_add(bytes.len() as u64);
    let mut words = rest.chunks_exact(8);
    for word in &mut words {
        hash = (hash ^ round(0, number(word))).rotate_left(27).wrapping_mul(P1).wrapping_add(P4);
    }
    let mut rest = words.remainder();
    if let Some((half, after)) = rest.split_at_checked(4) {
        hash = (hash ^ number(half).wrapping_mul(P1))
            .rotate_left(23)
            .wrapping_mul(P2)
            .wrapping_add(P3);
        rest = after;
    }
    for byte in rest {
        hash = (hash ^ u64::from(*byte).wrapping_mul(P5)).rotate_left(11).wrapping_mul(P1);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(P2);
    hash = (hash ^ (hash >> 29)).wrapping_mul(P3);
    hash ^ (hash >> 32)
}

/// MurmurHash2, with the seed that Envoy has.
pub fn murmur(bytes: &[u8]) -> u64 {
    let mix = |value: u64| value ^ (value >> 47);
    let mut hash = MURMUR_SEED ^ (bytes.len() as u64).wrapping_mul(M);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = (hash ^ mix(number(word).wrapping_mul(M)).wrapping_mul(M)).wrapping_mul(M);
    }
    if !words.remainder().is_empty() {
        hash = (hash ^ number(words.remainder())).wrapping_mul(M);
    }
    mix(mix(hash).wrapping_mul(M))
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(P2)).rotate_left(31).wrapping_mul(P1)
}

/// Up to eight bytes as a number, the first of them the lowest.
fn number(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::{murmur, xx};

    /// Values that the reference implementation gives.
    #[test]
    fn xx_hash_is_the_one_that_is_published() {
        for (text, seed, hash) in [
            ("", 0, 0xEF46_DB37_51D8_E999),
            ("a", 0, 15_154_266_338_359_012_955),
            ("abc", 0, 4_952_883_123_889_572_249),
            ("foo", 0, 3_728_699_739_546_630_719),
            ("bar", 0, 5_234_164_152_756_840_025),
            ("foo\nbar", 0, 8_917_841_378_505_826_757),
            ("xxhash", 20_141_025, 13_067_679_811_253_438_005),
            (
                "Call me Ishmael. Some years ago--never mind how long precisely-",
                0,
                189_969_583_671_016_854,
            ),
        ] {
            assert_eq!(xx(text.as_bytes(), seed), hash, "{text}");
        }
    }

    /// Values that GNU's `std::hash` gives.
    #[test]
    fn murmur_hash_is_that_of_the_c_library() {
        for (text, hash) in [
            ("", 6_142_509_188_972_423_790),
            ("foo", 9_631_199_822_919_835_226),
            ("bar", 11_474_628_671_133_349_555),
            ("foo\nbar", 16_306_510_975_912_980_159),
        ] {
            assert_eq!(murmur(text.as_bytes()), hash, "{text}");
        }
    }
}
