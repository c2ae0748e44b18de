/** Server-sent events out of the text of an answer. WHATWG HTML §9.2.6. Neighbour: rest.ts. */

export interface ServerEvent {
  /** Id to come back with; '' before the first. */
  readonly id: string
  readonly event: string
  readonly data: string
}

/** Characters that one event may have. */
const LONGEST = 1024 * 1024

/** @param text pieces as they come; an event that the end cuts off is left out */
export async function* serverEvents(text: AsyncIterable<string>): AsyncGenerator<ServerEvent> {
  let [rest, id, event, data] = ['', '', '', [] as string[]]
  for await (const piece of text) {
    rest += piece
    if (rest.length > LONGEST) throw new Error('an event without an end')
    // A CR at the end may be half of a CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { id, event: event || 'message', data: data.join('\n') }
        event = ''
        data = []
        continue
      }
      const [, name, value = ''] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? []
      if (name === 'id') id = value
      else if (name === 'event') event = value
      else if (name === 'data') data.push(value)
    }
  }
}
