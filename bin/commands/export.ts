/** `weft export`: the site as a document. Neighbours: documents-options.ts, apply.ts takes it back. */
import { withProgress } from '../print/terminal.ts'
import { DOCUMENT_LIMIT_MS, verbPath } from './document-path.ts'
import type { RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface ExportOptions extends RestArguments {
  readonly tenant?: string
  readonly output: 'yaml' | 'json'
  readonly signal: AbortSignal
}

export async function exportDocument(options: ExportOptions): Promise<number> {
  const { tenant, output, signal } = options
  const rest = openSession(options, signal)
  const asking = rest.text(verbPath('export', tenant), { limitMs: DOCUMENT_LIMIT_MS })
  const text = await withProgress('reading the site', asking)
  if (output === 'yaml') process.stdout.write(text)
  else {
    const { parse } = await import('yaml')
    process.stdout.write(`${JSON.stringify(parse(text), undefined, 2)}\n`)
  }
  return 0
}
