/**
 * os-ken as the other end: what it writes for values, what it reads in bytes. Neighbours: os-ken.py
 * is what runs, example.ts has the values.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { formatJson, parseJson } from '../../../../southbound/ovsdb/json.ts'

/** os-ken's JSON form: `{ OFPBarrierRequest: {} }`. */
export type OsKenValue = Readonly<Record<string, Readonly<Record<string, unknown>>>>

export interface OsKen {
  /** Hex of the message. Rejects with os-ken's reason when it cannot. */
  write(value: OsKenValue, xid: number): Promise<string>
  read(hex: string): Promise<OsKenValue>
  close(): void
}

/** Debian's own Python: python3-os-ken is not there for another. */
export const PYTHON = '/usr/bin/python3'

export function startOsKen(): OsKen {
  const script = fileURLToPath(new URL('../os-ken.py', import.meta.url))
  const child = spawn(PYTHON, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: ((line: string) => void)[] = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line))
  child.on('close', () => {
    for (const answer of waiting.splice(0)) answer('{"error": "os-ken has ended"}')
  })
  async function ask(question: object): Promise<{ hex?: string; value?: OsKenValue }> {
    const line = await new Promise<string>((resolve) => {
      waiting.push(resolve)
      child.stdin.write(`${formatJson(question)}\n`)
    })
    const answer = parseJson(line) as { error?: string; hex?: string; value?: OsKenValue }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer
  }
  return {
    write: async (value, xid) => (await ask({ write: value, xid })).hex ?? '',
    read: async (hex) => (await ask({ read: hex })).value ?? {},
    close: () => void child.stdin.end(),
  }
}

/** Where `actual` lacks or contradicts what is expected; undefined when it does not. */
export function contradiction(expected: unknown, actual: unknown, path = ''): string | undefined {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) {
      return `${path}: ${expected.length} elements, not ${JSON.stringify(actual)}`
    }
    for (const [i, one] of expected.entries()) {
      const found = contradiction(one, actual[i], `${path}[${i}]`)
      if (found) return found
    }
    return undefined
  }
  if (typeof expected === 'object' && expected !== null) {
    for (const [key, one] of Object.entries(expected)) {
      const has = typeof actual === 'object' && actual !== null && key in actual
      const value = has ? (actual as Record<string, unknown>)[key] : 'absent'
      const found = contradiction(one, value, `${path}.${key}`)
      if (found) return found
    }
    return undefined
  }
  // os-ken reads some bytes as numbers that it writes from base64.
  const bytes = typeof expected === 'string' && Array.isArray(actual)
  const value = bytes ? Buffer.from(actual).toString('base64') : actual
  // Over 63 bits JSON is not read exactly; that os-ken writes the same bytes says the rest.
  const same =
    typeof expected === 'bigint' ? Number(expected) === Number(value) : expected === value
  return same ? undefined : `${path}: ${expected}, not ${formatJson(actual)}`
}
