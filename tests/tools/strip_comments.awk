# Blanks comments and the insides of string and character literals of C, line by line, so that
# words in them are not taken for code. One output line for each input line, led by its place.
# Use: awk -f strip_comments.awk file...   prints "file:line:code"

FNR == 1 {
	in_comment = 0
}

{
	code = ""
	quote = ""
	size = length($0)
	for (at = 1; at <= size; at++) {
		one = substr($0, at, 1)
		two = substr($0, at, 2)
		if (in_comment) {
			if (two == "*/") {
				in_comment = 0
				at++
			}
		} else if (quote != "") {
			if (one == "\\")
				at++
			else if (one == quote) {
				quote = ""
				code = code one
			}
		} else if (two == "/*") {
			in_comment = 1
			code = code " "
			at++
		} else if (two == "//") {
			break
		} else {
			if (one == "\"" || one == "'")
				quote = one
			code = code one
		}
	}
	print FILENAME ":" FNR ":" code
}
