use crate::{Answer, Gateway, LUCIA, curl, lookup};

/// The path of the sandbox e-service's look-up.
pub const SEARCH: &str = "/anagrafe/v1/residenze/ricerca";

/// Posts JSON with a voucher.
pub fn ask(url: &str, voucher: &str, body: &str) -> Answer {
    let authorization = format!("authorization: Bearer {voucher}");
    curl(&["-H", &authorization, "-H", "content-type: application/json", "--data-binary", body, url])
}

/// Gets with a voucher.
pub fn get(url: &str, voucher: &str) -> Answer {
    curl(&["-H", &format!("authorization: Bearer {voucher}"), url])
}

/// The plain look-up of the sandbox's e-service, with this voucher.
pub fn search(gateway: &Gateway, voucher: &str) -> Answer {
    ask(&gateway.url("pdnd", SEARCH), voucher, &lookup("20261121000001", LUCIA).to_string())
}

/// A department's key as the configuration has it.
pub fn hashed(key: &str) -> String {
    format!("sha256:{}", hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes())))
}
