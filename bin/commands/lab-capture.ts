/** `weft lab capture`: frames of a lab that runs, as pcapng into a file or a pipe. Neighbours: lab-run-options.ts, ../lab/. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { askLab, openAnswer } from '../lab/control-client.ts'
import {
  CAPTURE_ID,
  CAPTURE_PLACES,
  type CaptureRequest,
  DROPPED,
  FAULT,
  PACKETS,
} from '../lab/control-schema.ts'
import { LabError, type RunningLab, runningLab } from '../lab/run-folder.ts'
import { counted } from '../print/table.ts'
import { UsageError } from '../usage.ts'

export interface LabCaptureOptions {
  readonly name?: string
  /** `-`: standard output. */
  readonly write: string
  readonly count?: number
  readonly host: readonly string[]
  readonly guest: readonly string[]
  readonly signal: AbortSignal
}

/** Until Ctrl-C, the count, or the reader's end. @returns the exit code */
export async function labCapture(
  where: readonly string[],
  { name, write, count, host, guest, signal }: LabCaptureOptions,
): Promise<number> {
  const isPiped = write === '-'
  if (isPiped && process.stdout.isTTY)
    throw new UsageError(
      'a capture is no text: -w FILE, or -w - with a reader behind it: | tshark -r -',
    )
  const lab = await runningLab(name)
  const json: CaptureRequest = { where: [...where], hosts: [...host], guests: [...guest] }
  const own = count === undefined ? json : { ...json, count }
  const answer = await answerOf(lab, own, signal)
  const places = JSON.parse(String(answer.headers[CAPTURE_PLACES])) as string[]
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const until = count === undefined ? 'until Ctrl-C' : counted(count, 'packet')
  say(`Capturing at ${counted(places.length, 'place')} of ${lab.name}, ${until}: ${listOf(places)}`)
  const stop = () => {
    const path = `/capture/${String(answer.headers[CAPTURE_ID])}`
    // A lab that goes down meanwhile ends the stream by itself.
    const patient = new AbortController()
    askLab(lab, path, { method: 'DELETE', signal: patient.signal }).catch(() => answer.destroy())
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    if (isPiped) await pipeline(answer, process.stdout, { end: false })
    else await pipeline(answer, createWriteStream(write))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Who reads has seen enough.
    if (!isPiped || code !== 'EPIPE') throw error
    answer.destroy()
    return 0
  }
  const [packets, dropped] = [PACKETS, DROPPED].map((key) => Number(answer.trailers[key] ?? 0))
  const file = isPiped ? '' : ` in ${write}`
  const lost = dropped
    ? `, ${counted(dropped, 'packet')} dropped: the reader was too slow, or a host`
    : ''
  say(`${counted(packets ?? 0, 'packet')}${file}${lost}`)
  const fault = decodeURIComponent(String(answer.trailers[FAULT] ?? ''))
  if (fault !== '') throw new LabError(`the capture has ended before its time: ${fault}`)
  return 0
}

/** Its head, for which nobody waits longer than the signal; what comes behind it ends by being asked to. */
async function answerOf(lab: RunningLab, json: CaptureRequest, signal: AbortSignal) {
  const asking = new AbortController()
  const giveUp = () => asking.abort(signal.reason)
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await openAnswer(lab, '/capture', { method: 'POST', json, signal: asking.signal })
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

const NAMED = 8
const listOf = (places: readonly string[]): string =>
  places.slice(0, NAMED).join(', ') + (places.length > NAMED ? ', …' : '')
