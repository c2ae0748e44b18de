/**
 * The program that a Vagrant lab starts on each machine, as root, from the checkout that is there: runs commands, sends raw
 * frames and hands over those that it sees, for whoever is at the other end of its standard input and output (machine.ts).
 * With its input ends all that it has started.
 *
 * A namespace `''` is the machine's own.
 */
import type { ChildProcess } from 'node:child_process'
import { type FrameSender, frameSender, frameTap, leavingTap } from '../netns/raw-socket.ts'
import { launch, RunError, run } from '../netns/run.ts'
import { opener } from '../netns/taps.ts'
import { decoder, encodeMessage, type Reply, type Request } from './messages.ts'

const senders = new Map<string, FrameSender>()
const children = new Map<number, ChildProcess>()
const commands = new Map<number, AbortController>()
/** What taps and watches are ended by. */
const eyes = new Map<number, { readonly lost: number; close(): void }>()
/** Bytes that may wait for the lab before frames of watches are left out. */
const MOST_WAITING = 32 * 1024 * 1024

function reply(message: Reply, bytes?: Uint8Array): void {
  process.stdout.write(encodeMessage(message, bytes))
}

const work: {
  readonly [K in Request['do']]: (request: Extract<Request, { do: K }>, bytes: Uint8Array) => void
} = {
  run({ id, argv, input, timeoutMs }) {
    const ending = new AbortController()
    const { signal } = ending
    const options = {
      signal,
      ...(input !== undefined && { input }),
      ...(timeoutMs && { timeoutMs }),
    }
    commands.set(id, ending)
    run(argv, options)
      .then(
        ({ stdout, stderr }): Reply => ({ is: 'ran', id, stdout, stderr, code: 0 }),
        (error: Error): Reply => {
          const { stdout = '', stderr = '', exitCode } = error instanceof RunError ? error : {}
          return { is: 'ran', id, stdout, stderr, code: exitCode, error: error.message }
        },
      )
      .then((message) => reply(message))
      .catch((error: Error) => reply({ is: 'error', id, error: error.message }))
      .finally(() => commands.delete(id))
  },
  launch({ id, argv }) {
    const child = launch(argv)
    children.set(id, child)
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream]?.on('data', (chunk: Buffer) => reply({ is: 'output', id, stream }, chunk))
    child.on('error', ({ message }) => reply({ is: 'error', id, error: message }))
    child.on('close', (code) => {
      children.delete(id)
      reply({ is: 'exit', id, code })
    })
  },
  kill({ id, signal }) {
    children.get(id)?.kill(signal)
    commands.get(id)?.abort()
  },
  tap({ id, namespace, devices, leaving }) {
    const tap = leaving ? leavingTap(namespace, devices) : frameTap(namespace, devices)
    tap.onFrame((frame) => reply({ is: 'frame', id }, frame))
    eyes.set(id, { lost: 0, close: () => tap.close() })
    reply({ is: 'tapped', id })
  },
  watch({ id, namespace, device }) {
    let left = 0
    const watch = opener({ namespace, device })((frame, direction, at) => {
      if (process.stdout.writableLength > MOST_WAITING) left++
      else reply({ is: 'seen', id, direction, at: at?.toString() }, frame)
    })
    eyes.set(id, {
      get lost() {
        return left + watch.lost
      },
      close: () => void watch.close(),
    })
    reply({ is: 'watched', id })
  },
  end({ id }) {
    const eye = eyes.get(id)
    eyes.delete(id)
    eye?.close()
    reply({ is: 'ended', id, lost: eye?.lost ?? 0 })
  },
  send({ namespace, device }, frame) {
    const place = `${namespace} ${device}`
    const sender = senders.get(place) ?? frameSender({ namespace, device })
    senders.set(place, sender)
    sender.send(frame)
  },
}

process.stdin.on(
  'data',
  decoder<Request>((request, bytes) => {
    try {
      ;(work[request.do] as (request: Request, bytes: Uint8Array) => void)(request, bytes)
    } catch (error) {
      reply({ is: 'error', id: request.id, error: (error as Error).message })
    }
  }),
)
const end = (): void => {
  for (const child of children.values()) child.kill('SIGKILL')
  for (const command of commands.values()) command.abort()
  process.exit(0)
}
process.stdin.on('end', end)
process.stdout.on('error', end)
reply({ is: 'ready', id: 0 })
