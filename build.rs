//! Tells the interpreter whether the compiler makes jumps of calls in tail position: it does when it optimises. And has the
//! program linked for a fixed address where that is sure to work: else each start relocates tables of Cranelift's, page by page,
//! that a short run never looks at.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(tail_calls)");
    let optimises = std::env::var("OPT_LEVEL").is_ok_and(|level| !matches!(level.as_str(), "0" | "1"));
    if optimises {
        println!("cargo:rustc-cfg=tail_calls");
    }
    let host =
        ["CARGO_CFG_TARGET_OS", "CARGO_CFG_TARGET_ENV"].map(|name| std::env::var(name).unwrap_or_default());
    if host == ["linux", "gnu"] {
        println!("cargo:rustc-link-arg-bins=-no-pie");
    }
}
