package diagnosis

import "slices"

// Cause names a mistake. The names are stable: testdata/vectors/mac-mistakes.json tells the
// story of each, for the authors of other clients.
type Cause string

// Title says in one line what the cause is.
func (c Cause) Title() string { return c.words().title }

// Cure says in one sentence or two what to do about it.
func (c Cause) Cure() string { return c.words().cure }

// words is what people read about a cause.
type words struct {
	cause       Cause
	title, cure string
}

var causes []words

// declare gives a cause its words.
func declare(c Cause, title, cure string) Cause {
	causes = append(causes, words{c, title, cure})
	return c
}

func (c Cause) words() words {
	if i := slices.IndexFunc(causes, func(w words) bool { return w.cause == c }); i >= 0 {
		return causes[i]
	}
	return words{c, string(c), ""}
}

// Causes lists every cause, grouped by what the mistake is about.
func Causes() []Cause {
	all := make([]Cause, 0, len(causes))
	for _, w := range causes {
		all = append(all, w.cause)
	}
	return all
}

// Cures that several causes share.
const (
	byLineFeeds  = `Follow every element by one line feed (\n, byte 0x0A).`
	seven        = "Sign seven elements and nothing else: ts, nonce, method, path with query, host, port, ext."
	portAsNumber = "Sign a number also when the URL has none: 443 for https and 80 for http."
	wholeTarget  = "Sign the path, a question mark and the query, as on the request line."
	targetOnce   = "Build the URL once, and sign the text after the host of the very URL that is sent."
	extOnce      = "Make the text of ext once, with all its parameters, and use it both in the header and in the signed text."
	bodyOnce     = "Hash exactly the bytes that are sent, after the last change to them."
	keyAsWritten = "Use the mac_key as the bytes that it is written with, although it may look like base64 or hexadecimal."
	tsOnce       = "Make the text of ts once, and use it both in the header and in the signed text."
	nonceOnce    = "Make the text of the nonce once, and use it both in the header and in the signed text."
	setClock     = "Set the clock by NTP, or ask GET /rest/v1/server for the time and keep the difference."
)

// The causes, each with its words: they are nowhere else.
var (
	allRight = declare("all_right", "Everything is right",
		"Nothing to do. If the server refuses the request, ask whether it has another key for this id, and compare the "+
			"request that it received.")
	unknown = declare("unknown", "The MAC matches nothing that is known",
		"Compare the normalised text, character by character, with the one that the client signs. Check that the key is the "+
			"one of this id, and that one ts and one nonce are made and used in both places.")

	noLastNewline = declare("no_last_newline", "The last line feed is missing",
		`Follow every element by \n, the last one too, also when ext is empty: the text ends with \n\n then.`)
	noNewlines      = declare("no_newlines", "The line feeds are missing", byLineFeeds)
	spaces          = declare("spaces_for_newlines", "Blanks stand where line feeds belong", byLineFeeds)
	escapedNewlines = declare("escaped_newlines", `The two characters \n stand where line feeds belong`,
		`Write the line feed so that the language makes one byte 0x0A of it, in PHP "\n" with double quotes.`)
	crlf           = declare("crlf", "The lines end with carriage return and line feed", `Use \n alone, whatever the line end of the system is.`)
	otherSeparator = declare("other_separator", "Another separator stands where line feeds belong", byLineFeeds)
	extraNewline   = declare("extra_newline", "There is an empty line or a blank too many",
		`Begin with ts and end with the one \n after ext; mind functions that add a line end of their own.`)
	portLeftOut    = declare("port_left_out", "The port is missing", "Sign seven elements: the port stands between host and ext, also when it is the usual one.")
	extLineLeftOut = declare("ext_line_left_out", "The line of the empty ext is missing",
		`Sign seven elements: without ext the last line is empty, so the text ends with the port and \n\n.`)
	elementLeftOut = declare("element_left_out", "An element is missing", seven)
	elementAdded   = declare("element_added", "Something was signed that does not belong there", seven)
	tsNonceSwapped = declare("ts_nonce_swapped", "The ts and the nonce have changed places",
		"Put ts first and nonce second, in the signed text and under their own names in the header.")
	orderWrong = declare("order_wrong", "The elements stand in another order", "Sign them in this order: ts, nonce, method, path with query, host, port, ext.")

	hostCase       = declare("host_case", "The host is signed with capitals", "Sign the host in lower case.")
	hostWithPort   = declare("host_with_port", "The host is signed with its port", "Sign the host alone; the port has a line of its own.")
	hostWithScheme = declare("host_with_scheme", "The host is signed with its scheme", "Sign the host alone, without https:// and without a slash.")
	hostBrackets   = declare("host_brackets", "The IPv6 address is signed without its brackets", "Sign the host as it stands in the URL, with the brackets.")
	hostOther      = declare("host_other", "Another host is signed",
		"Sign the host of the URL that is called. Behind a proxy that changes it, have the server's public address configured.")
	portWrong = declare("port_wrong", "Another port is signed",
		"Sign the port of the URL that is called: the one written there, else 443 for https and 80 for http.")
	portAlways = declare("port_always", "The usual port is signed whatever the port is",
		"Nothing has to be done for this server. Others may want the port of the URL: the one written there, else 443 for "+
			"https and 80 for http.")
	portEmpty = declare("port_empty", "The line of the port is empty", portAsNumber)
	portUnset = declare("port_unset", "The port is signed as no number", portAsNumber)

	methodCase  = declare("method_case", "The method is signed in another case than it is sent", "Send and sign the method in capitals.")
	methodOther = declare("method_other", "Another method is signed than is sent",
		"Sign the method that is sent; mind libraries that turn a GET with data into a POST, and redirects.")
	fullURL        = declare("full_url", "The whole URL is signed", "Sign path and query only, beginning with the slash after the host.")
	queryLeftOut   = declare("query_left_out", "The query is not signed", wholeTarget)
	pathLeftOut    = declare("path_left_out", "The path is not signed", wholeTarget)
	queryReencoded = declare("query_reencoded", "The query is signed in another encoding than it is sent", targetOnce)
	querySorted    = declare("query_sorted", "The parameters of the query are signed in another order", "Keep the order of the request line.")
	pathReencoded  = declare("path_reencoded", "The path is signed in another encoding than it is sent", targetOnce)
	prefixLeftOut  = declare("prefix_left_out", "The beginning of the path is not signed",
		"Sign the whole path of the request line, with /rest/v1. If a proxy in front of the server adds a prefix, have it "+
			"pass the path on unchanged.")
	prefixAdded = declare("prefix_added", "The path is signed with a beginning that was not sent",
		"Sign the path of the request line. If a proxy in front of the server takes a prefix away, have it pass the path on "+
			"unchanged.")
	slashAdded        = declare("slash_added", "A slash at the end of the path is signed and not sent", targetOnce)
	slashLeftOut      = declare("slash_left_out", "The slash at the end of the path is sent and not signed", targetOnce)
	firstSlashLeftOut = declare("first_slash_left_out", "The first slash of the path is not signed", "Begin the path with its slash.")

	extDecoded      = declare("ext_decoded", "The ext is signed URL-decoded", "Sign the very text that stands between the quotes of ext, still URL-encoded.")
	extReencoded    = declare("ext_reencoded", "The ext is signed in another encoding than it is sent", extOnce)
	extNotSigned    = declare("ext_not_signed", "The ext is sent and not signed", "Make ext the last line of the signed text.")
	extPartlySigned = declare("ext_partly_signed", "Only a part of ext is signed", extOnce)
	extNotSent      = declare("ext_not_sent", "The ext is signed and not sent", `Put the signed text of ext into the header: , ext="…".`)
	extReordered    = declare("ext_reordered", "The parameters of ext are signed in another order", extOnce)
	extOtherText    = declare("ext_other_text", "The line of ext is not what stands between its quotes",
		"Sign the very text between the quotes of ext, and an empty line when there is none.")
	extOtherProject = declare("ext_other_project", "Another project or place is signed than is sent", extOnce)
	extUnreadable   = declare("ext_unreadable", "The ext is not a query string", "Write ext as key=value pairs joined by &, each part URL-encoded, each key once.")

	bodyHashMissing   = declare("body_hash_missing", "The body has no body_hash", "Put body_hash into ext: the SHA-256 of the raw body, in base64, URL-encoded.")
	bodyHashOfNothing = declare("body_hash_of_nothing", "The body_hash is of an empty text",
		"Hash the body that is sent; mind streams that were read before, and bodies that are made after signing.")
	bodyHashLineEnd      = declare("body_hash_line_end", "The body_hash is of other line ends or blanks around the body", bodyOnce)
	bodyHashReserialised = declare("body_hash_reserialised", "The body_hash is of the same body written in another way",
		"Make the bytes of the body once, hash them and send those very bytes; do not hand the library an object to write again.")
	bodyHashHex          = declare("body_hash_hex", "The body_hash is hexadecimal", "Encode the 32 raw bytes of the SHA-256 in base64; in PHP hash('sha256', $body, true).")
	bodyHashURLSafe      = declare("body_hash_url_safe", "The body_hash stands in URL-safe base64", "Use the standard alphabet with + and /, then URL-encode it.")
	bodyHashTwiceEncoded = declare("body_hash_twice_encoded", "The body_hash is URL-encoded twice",
		"URL-encode it once; mind functions that build a query string and encode by themselves.")
	bodyHashNotEncoded = declare("body_hash_not_encoded", "The body_hash is not URL-encoded",
		"Nothing has to be done for this server. Others may read the + as a blank: URL-encode it.")
	bodyHashAlgorithm = declare("body_hash_algorithm", "The body_hash is not a plain SHA-256", "Use the SHA-256 of the raw body, without a key.")
	bodyHashWrong     = declare("body_hash_wrong", "The body_hash is of another body", bodyOnce)
	bodyLost          = declare("body_lost", "The body is empty, and its hash is not",
		"Send the body that was hashed, or no body_hash; mind redirects and proxies that drop the body.")

	macHex        = declare("mac_hex", "The mac is hexadecimal", "Encode the 32 raw bytes of the HMAC in base64; in PHP hash_hmac('sha256', $text, $key, true).")
	macURLSafe    = declare("mac_url_safe", "The mac stands in URL-safe base64", "Use the standard alphabet with + and /, and = at the end.")
	macUnpadded   = declare("mac_unpadded", "The mac has no padding", "Keep the = at the end of the base64.")
	macURLEncoded = declare("mac_url_encoded", "The mac is URL-encoded or URL-decoded", "Put the base64 into the header as it is.")

	keyBase64     = declare("key_base64_decoded", "The key is decoded from base64", keyAsWritten)
	keyHex        = declare("key_hex_decoded", "The key is decoded from hexadecimal", keyAsWritten)
	keyWhitespace = declare("key_whitespace", "The key has blanks or a line feed around it", "Trim the key after reading it from a file or a form.")
	keyEmpty      = declare("key_empty", "The key is empty", "Check that the setting or variable that holds the key is there where the program runs.")
	keyRespelled  = declare("key_respelled", "The key is used in another spelling", keyAsWritten)
	keyCut        = declare("key_cut", "A part of the key is missing", "Copy the whole key; mind columns and fields that cut it.")
	keyOther      = declare("key_other", "Another key is used",
		"Use the key that was issued with the id in the header: a client's with its client_id, a token's with its access_token.")
	idAsKey      = declare("id_as_key", "The id is used as the key", "Sign with the mac_key; the id stands in the header only.")
	idKeySwapped = declare("id_key_swapped", "The key stands in the header where the id belongs",
		"Swap them. The key has travelled in a header and may stand in logs: have a new one issued.")
	hmacOther      = declare("hmac_other", "The HMAC uses another hash", "Use HMAC with SHA-256.")
	plainHash      = declare("plain_hash", "The MAC is a hash and not an HMAC", "Use the HMAC function of the language; a hash over key and text is another thing.")
	keyTextSwapped = declare("key_text_swapped", "Key and text are swapped", "Mind the order of arguments: some functions take the text first, others the key.")
	inUTF16        = declare("utf16", "The text or the key is in UTF-16", "Turn both into bytes as UTF-8; in .NET Encoding.UTF8, not Encoding.Unicode.")

	tsMilliseconds       = declare("ts_milliseconds", "The ts is not in seconds", "Send and sign whole UNIX seconds: divide what the language's clock gives.")
	tsMillisecondsSigned = declare("ts_milliseconds_signed", "The ts is signed in milliseconds and sent in seconds", tsOnce)
	tsRounded            = declare("ts_rounded", "The ts is signed with another precision than it is sent", tsOnce)
	tsTwice              = declare("ts_twice", "The clock was read twice", tsOnce)
	tsNotANumber         = declare("ts_not_a_number", "The ts is not a number", "Send UNIX seconds, such as 1343811600.")
	clockBehind          = declare("clock_behind", "The client's clock is behind", setClock)
	clockAhead           = declare("clock_ahead", "The client's clock is ahead", setClock)
	nonceTrimmed         = declare("nonce_trimmed", "The nonce is signed without its blanks", nonceOnce)
	nonceChanged         = declare("nonce_changed", "The nonce is signed in another form than it is sent", nonceOnce)
	nonceUsed            = declare("nonce_used", "The nonce was used before", "Make a new nonce for every request, a repeated one too, and sign it anew.")
)
