//! Answers in InfluxDB's words.

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Reply {
    /// 204.
    pub fn no_content() -> Reply {
        Reply {
            status: 204,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// An error as InfluxDB words it.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        let headers = vec![
            ("Content-Type", "application/json; charset=utf-8".to_owned()),
            ("X-Platform-Error-Code", code.to_owned()),
        ];
        Reply {
            status,
            headers,
            body,
        }
    }

    /// A page, as the user interface or a proxy sends it.
    pub fn page(status: u16, text: &str) -> Reply {
        let body = format!("<!doctype html><html><body><h1>{text}</h1></body></html>");
        Reply {
            status,
            headers: vec![("Content-Type", "text/html; charset=utf-8".to_owned())],
            body,
        }
    }

    /// The message of an error.
    pub fn message(&self) -> String {
        let json: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        json["message"].as_str().unwrap_or_default().to_owned()
    }
}

/// 422: some of it is not written.
pub fn partial(reason: &str) -> Reply {
    let message = format!("failure writing points to database: partial write: {reason}");
    Reply::error(422, "unprocessable entity", &message)
}

/// 500, as for every error that the server has no words for.
pub fn internal() -> Reply {
    Reply::error(
        500,
        "internal error",
        "An internal error has occurred - check server logs",
    )
}
