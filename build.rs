//! Tells the interpreter whether the compiler makes jumps of calls in tail position: it does when it optimises and
//! there are no debug assertions, whose messages want a frame.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(tail_calls)");
    let optimises = std::env::var("OPT_LEVEL").is_ok_and(|level| !matches!(level.as_str(), "0" | "1"));
    let asserts = std::env::var_os("CARGO_CFG_DEBUG_ASSERTIONS").is_some();
    if optimises && !asserts {
        println!("cargo:rustc-cfg=tail_calls");
    }
}
