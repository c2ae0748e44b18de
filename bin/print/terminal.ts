/** What only a terminal gets: colour, progress, questions. NO_COLOR is honoured (node's styleText asks it and the stream). */
import { createInterface } from 'node:readline/promises'
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red'
export type Paint = (style: Style, text: string) => string

export const paintFor =
  (stream: NodeJS.WritableStream): Paint =>
  (style, text) =>
    styleText(style, text, { stream })

/** For what is written to stdout. */
export const paint: Paint = paintFor(process.stdout)
export const unpainted: Paint = (_style, text) => text

const FIRST_MS = 1000

/** Says on a terminal's stderr what takes so long, and takes the line back. */
export async function withProgress<T>(what: string, work: Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return work
  const began = performance.now()
  let isShown = false
  const timer = setInterval(() => {
    isShown = true
    const seconds = Math.round((performance.now() - began) / 1000)
    process.stderr.write(`\r${what}, ${seconds} s\u001b[K`)
  }, FIRST_MS)
  try {
    return await work
  } finally {
    clearInterval(timer)
    if (isShown) process.stderr.write('\r\u001b[K')
  }
}

/** Whether somebody is there to be asked. */
export const canAsk = (): boolean => Boolean(process.stdin.isTTY && process.stderr.isTTY)

/** Asks on stderr; anything but y or yes is no. */
export async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  const stop = new AbortController()
  // readline takes Ctrl-C for itself.
  asking.once('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  asking.once('close', () => stop.abort())
  try {
    const answer = await asking.question(`${question} [y/N] `, {
      signal: AbortSignal.any([signal, stop.signal]),
    })
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (stop.signal.aborted) return false
    throw error
  } finally {
    asking.close()
  }
}
