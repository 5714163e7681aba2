//! What the web room is built with: the page's files compressed, and the description of the API as JSON. Part of
//! `build.rs`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

const PAGE: &str = "src/web/page";
const DESCRIPTION: &str = "src/web/openapi.yaml";

/// What is served, by the end of its name.
const TYPES: [(&str, &str); 6] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("webmanifest", "application/manifest+json"),
];

/// Writes `assets.rs`, which lists all files, and `openapi.json`.
pub(crate) fn write(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={PAGE}");
    println!("cargo::rerun-if-changed={DESCRIPTION}");
    println!("cargo::rerun-if-changed=build_assets.rs");
    let description: serde_json::Value =
        serde_yaml_ng::from_str(&fs::read_to_string(DESCRIPTION)?)?;
    fs::write(
        out.join("openapi.json"),
        serde_json::to_string(&description)?,
    )?;

    let page = Path::new(PAGE);
    let mut files = Vec::new();
    walk(page, &mut files)?;
    files.sort();
    let mut served = Vec::new();
    let mut all = Fnv::new();
    for path in &files {
        let name = path.strip_prefix(page)?.to_string_lossy().into_owned();
        let end = name.rsplit('.').next().unwrap_or_default();
        let found = TYPES.iter().find(|(known, _)| *known == end);
        // Types for the editor are JavaScript for nobody.
        let Some((_, content_type)) = found.filter(|_| !name.ends_with(".d.ts")) else {
            continue;
        };
        let mut content = fs::read(path)?;
        if end == "js" && !name.starts_with("vendor/") {
            content = without_comments(&String::from_utf8(content)?).into_bytes();
        }
        all.add(name.as_bytes());
        all.add(&content);
        served.push((name, *content_type, content));
    }
    let hash = format!("{:012x}", all.0 & 0xffff_ffff_ffff);
    let mut list = format!("/// Of all files.\nconst HASH: &str = \"{hash}\";\n\n");
    list.push_str("/// All files.\nconst ASSETS: &[Asset] = &[\n");
    for (n, (name, content_type, content)) in served.iter_mut().enumerate() {
        if name == "index.html" {
            let text = String::from_utf8(std::mem::take(content))?;
            *content = text
                .replace("/assets/dev/", &format!("/assets/{hash}/"))
                .into_bytes();
        }
        let file = format!("asset-{n}.gz");
        let mut gzip = GzBuilder::new()
            .mtime(0)
            .write(Vec::new(), Compression::best());
        gzip.write_all(content)?;
        fs::write(out.join(&file), gzip.finish()?)?;
        let mut own = Fnv::new();
        own.add(content);
        writeln!(
            list,
            "    Asset {{ name: {name:?}, content_type: {content_type:?}, etag: \"\\\"{:016x}\\\"\", \
             gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")) }},",
            own.0
        )?;
    }
    list.push_str("];\n");
    fs::write(out.join("assets.rs"), list)?;
    Ok(())
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// A module without the lines that are comments alone.
fn without_comments(text: &str) -> String {
    let (mut kept, mut in_block) = (String::with_capacity(text.len()), false);
    for line in text.lines() {
        let code = line.trim();
        let begins = !in_block && code.starts_with("/**");
        if begins || in_block {
            // What follows the end on its line is code.
            in_block = !code.ends_with("*/");
            let is_whole = code.ends_with("*/") || !code.contains("*/");
            if is_whole {
                continue;
            }
            in_block = false;
        }
        if code.is_empty() || code.starts_with("//") {
            continue;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

/// FNV-1a, 64 bits: the same on every machine and with every compiler.
struct Fnv(u64);

impl Fnv {
    fn new() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
