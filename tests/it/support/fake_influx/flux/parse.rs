//! Flux as text.

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    Text(String),
    Integer(i64),
    Duration(Duration),
    /// `"a ${b}"`.
    Interpolated,
    /// Nanoseconds since 1970.
    Time(i64),
    Name(String),
    Member(Box<Expr>, String),
    Call(Box<Expr>, Vec<(String, Expr)>),
    /// Its one parameter, and its body.
    Lambda(String, Box<Expr>),
    Exists(Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Record(Vec<(String, Expr)>),
    Pipe(Box<Expr>, Box<Expr>),
}

/// `1h30m`, and how it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Duration {
    pub ns: i64,
    pub text: String,
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    Import(String),
    Option(String, Expr),
    Assign(String, Expr),
    Expression(Expr),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Text(String),
    Interpolated,
    Number(String),
    Time(i64),
    Name(String),
    Sign(&'static str),
}

const SIGNS: [&str; 20] = [
    "|>", "=>", "==", "!=", "<=", ">=", "(", ")", "{", "}", "[", "]", ",", ":", ".", "=", "-", "<",
    ">", "+",
];

/// Reads a script.
pub fn script(text: &str) -> Result<Vec<Statement>, String> {
    let tokens = tokens(text)?;
    let mut reader = Reader { tokens, at: 0 };
    let mut statements = Vec::new();
    while reader.at < reader.tokens.len() {
        statements.push(reader.statement()?);
    }
    Ok(statements)
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if c == '/' && chars.get(at + 1) == Some(&'/') {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
        } else if c == '"' {
            let (token, end) = string(&chars, at + 1)?;
            tokens.push(token);
            at = end;
        } else if c.is_ascii_digit() {
            let end = at
                + chars[at..]
                    .iter()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, 'µ'))
                    .count();
            let word: String = chars[at..end].iter().collect();
            // 2026-01-01T00:00:00Z goes on over signs.
            if word.len() == 4 && chars.get(end) == Some(&'-') {
                let end = at
                    + chars[at..]
                        .iter()
                        .take_while(|c| c.is_alphanumeric() || "-:.+".contains(**c))
                        .count();
                let word: String = chars[at..end].iter().collect();
                // A day alone is its beginning.
                let full = if word.contains('T') {
                    word.clone()
                } else {
                    format!("{word}T00:00:00Z")
                };
                let time: jiff::Timestamp =
                    full.parse().map_err(|_| format!("not a time: {word}"))?;
                tokens.push(Token::Time(
                    i64::try_from(time.as_nanosecond()).map_err(|_| word)?,
                ));
                at = end;
            } else {
                tokens.push(Token::Number(word));
                at = end;
            }
        } else if c.is_alphabetic() || c == '_' {
            let end = at
                + chars[at..]
                    .iter()
                    .take_while(|c| c.is_alphanumeric() || **c == '_')
                    .count();
            tokens.push(Token::Name(chars[at..end].iter().collect()));
            at = end;
        } else {
            let rest: String = chars[at..].iter().take(2).collect();
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("invalid: {c}"))?;
            tokens.push(Token::Sign(sign));
            at += sign.len();
        }
    }
    Ok(tokens)
}

fn string(chars: &[char], mut at: usize) -> Result<(Token, usize), String> {
    // Escapes may spell the bytes of a letter one by one.
    let (mut bytes, mut is_interpolated) = (Vec::new(), false);
    let mut letter = [0; 4];
    loop {
        match chars.get(at) {
            None => return Err("a string does not end".to_owned()),
            Some('"') if is_interpolated => return Ok((Token::Interpolated, at + 1)),
            Some('"') => {
                let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
                return Ok((Token::Text(text), at + 1));
            }
            Some('$') if chars.get(at + 1) == Some(&'{') => is_interpolated = true,
            Some('\\') => {
                at += 1;
                match chars.get(at) {
                    Some('n') => bytes.push(b'\n'),
                    Some('t') => bytes.push(b'\t'),
                    Some('r') => bytes.push(b'\r'),
                    Some('"') => bytes.push(b'"'),
                    Some('\\') => bytes.push(b'\\'),
                    Some('$') if chars.get(at + 1) == Some(&'{') => {
                        bytes.extend(b"${");
                        at += 1;
                    }
                    Some('x') => {
                        let digits: String = chars[at + 1..].iter().take(2).collect();
                        let byte = u8::from_str_radix(&digits, 16);
                        bytes.push(byte.map_err(|_| format!("a bad escape: {digits}"))?);
                        at += 2;
                    }
                    other => return Err(format!("a bad escape: {other:?}")),
                }
            }
            Some(c) => bytes.extend(c.encode_utf8(&mut letter).as_bytes()),
        }
        at += 1;
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(found)) if *found == sign)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Name(found)) if found == word)
    }

    fn take(&mut self, sign: &str) -> Result<(), String> {
        if self.is(sign) {
            self.at += 1;
            return Ok(());
        }
        Err(format!("expected {sign}, got {:?}", self.peek()))
    }

    fn took(&mut self, sign: &str) -> bool {
        let is = self.is(sign);
        self.at += usize::from(is);
        is
    }

    fn name(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            other => Err(format!("expected a name, got {other:?}")),
        }
    }

    fn statement(&mut self) -> Result<Statement, String> {
        if self.is_word("import") {
            self.at += 1;
            return match self.primary()? {
                Expr::Text(package) => Ok(Statement::Import(package)),
                other => Err(format!("cannot import {other:?}")),
            };
        }
        let assigns = |at: usize| {
            matches!(self.tokens.get(at), Some(Token::Name(_)))
                && self.tokens.get(at + 1) == Some(&Token::Sign("="))
        };
        if self.is_word("option") && assigns(self.at + 1) {
            self.at += 1;
            let name = self.name()?;
            self.take("=")?;
            return Ok(Statement::Option(name, self.expression()?));
        }
        if assigns(self.at) {
            let name = self.name()?;
            self.take("=")?;
            return Ok(Statement::Assign(name, self.expression()?));
        }
        Ok(Statement::Expression(self.expression()?))
    }

    fn expression(&mut self) -> Result<Expr, String> {
        let mut left = self.or()?;
        while self.took("|>") {
            let right = self.postfix()?;
            left = Expr::Pipe(Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.is_word("or") {
            self.at += 1;
            left = Expr::Binary("or", Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.comparison()?;
        while self.is_word("and") {
            self.at += 1;
            left = Expr::Binary("and", Box::new(left), Box::new(self.comparison()?));
        }
        Ok(left)
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        if self.is_word("exists") {
            self.at += 1;
            return Ok(Expr::Exists(Box::new(self.postfix()?)));
        }
        let left = self.postfix()?;
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.took(sign) {
                return Ok(Expr::Binary(
                    sign,
                    Box::new(left),
                    Box::new(self.postfix()?),
                ));
            }
        }
        Ok(left)
    }

    fn postfix(&mut self) -> Result<Expr, String> {
        let mut expr = self.primary()?;
        loop {
            if self.took(".") {
                expr = Expr::Member(Box::new(expr), self.name()?);
            } else if self.is("[") && !matches!(expr, Expr::List(_)) {
                self.at += 1;
                let Expr::Text(name) = self.primary()? else {
                    return Err("only columns can be asked for".to_owned());
                };
                self.take("]")?;
                expr = Expr::Member(Box::new(expr), name);
            } else if self.took("(") {
                expr = Expr::Call(Box::new(expr), self.fields(")")?);
            } else {
                return Ok(expr);
            }
        }
    }

    /// `name: value, …` up to the closing sign.
    fn fields(&mut self, close: &str) -> Result<Vec<(String, Expr)>, String> {
        let mut fields = Vec::new();
        while !self.took(close) {
            let name = self.name()?;
            self.take(":")?;
            fields.push((name, self.expression()?));
            if !self.took(",") {
                self.take(close)?;
                break;
            }
        }
        Ok(fields)
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        match token {
            Some(Token::Text(text)) => Ok(Expr::Text(text)),
            Some(Token::Interpolated) => Ok(Expr::Interpolated),
            Some(Token::Time(time)) => Ok(Expr::Time(time)),
            Some(Token::Name(name)) => Ok(Expr::Name(name)),
            Some(Token::Number(word)) => number(&word),
            Some(Token::Sign("-")) => match self.primary()? {
                Expr::Duration(duration) => Ok(Expr::Duration(Duration {
                    ns: -duration.ns,
                    text: format!("-{}", duration.text),
                })),
                Expr::Integer(n) => Ok(Expr::Integer(-n)),
                other => Err(format!("cannot negate {other:?}")),
            },
            Some(Token::Sign("{")) => Ok(Expr::Record(self.fields("}")?)),
            Some(Token::Sign("[")) => {
                let mut items = Vec::new();
                while !self.took("]") {
                    items.push(self.expression()?);
                    if !self.took(",") {
                        self.take("]")?;
                        break;
                    }
                }
                Ok(Expr::List(items))
            }
            Some(Token::Sign("(")) => {
                // (r) => …
                if self.tokens.get(self.at + 2) == Some(&Token::Sign("=>")) {
                    let parameter = self.name()?;
                    self.take(")")?;
                    self.take("=>")?;
                    return Ok(Expr::Lambda(parameter, Box::new(self.or()?)));
                }
                let inner = self.expression()?;
                self.take(")")?;
                Ok(inner)
            }
            other => Err(format!("unexpected {other:?}")),
        }
    }
}

/// `5`, `5m`, `1h30m`.
fn number(word: &str) -> Result<Expr, String> {
    if let Ok(number) = word.parse() {
        return Ok(Expr::Integer(number));
    }
    let (mut ns, mut digits, mut unit) = (0, String::new(), String::new());
    let mut parts = Vec::new();
    for c in word.chars() {
        if c.is_ascii_digit() {
            if !unit.is_empty() {
                parts.push((std::mem::take(&mut digits), std::mem::take(&mut unit)));
            }
            digits.push(c);
        } else {
            unit.push(c);
        }
    }
    parts.push((digits, unit));
    for (digits, unit) in parts {
        let unit_ns: i64 = match unit.as_str() {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return Err(format!("not a duration: {word}")),
        };
        ns += digits.parse::<i64>().map_err(|_| word.to_owned())? * unit_ns;
    }
    let text = word.to_owned();
    Ok(Expr::Duration(Duration { ns, text }))
}
