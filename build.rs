//! Tells the interpreter whether the compiler makes jumps of calls in tail position: it does when it optimises.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-check-cfg=cfg(tail_calls)");
    let optimises = std::env::var("OPT_LEVEL").is_ok_and(|level| !matches!(level.as_str(), "0" | "1"));
    if optimises {
        println!("cargo:rustc-cfg=tail_calls");
    }
}
