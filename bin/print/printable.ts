/** Text of somebody else on a terminal: what would move the cursor, colour or turn the line around is spelled out. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unprintable = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** One line: 'a\u001b[31m' -> 'a\\u001b[31m'. */
export const printable = (text: string): string =>
  text.replace(unprintable, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)
