/** A client that knows nothing but JSON: what two servers say to it can be compared as it is. */
import { jsonFramer } from '../../../southbound/ovsdb/framer.ts'
import { formatJson } from '../../../southbound/ovsdb/json.ts'
import type { Peer } from './peers.ts'

export type Json = unknown
export type Message = Readonly<Record<string, Json>>

export interface WireClient {
  /** Sends one request; all that came up to its reply, which is the last. */
  ask(method: string, params: readonly Json[]): Promise<Message[]>
  /** Resolves with the first message that came since the last ask, or comes. */
  next(): Promise<Message>
  close(): void
}

export async function wireClient(peer: Peer): Promise<WireClient> {
  const socket = await peer.dial()
  let heard: Message[] = []
  const waiting: (() => void)[] = []
  const wake = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  let nextId = 0
  const framer = jsonFramer({}, (message) => {
    heard.push(message)
    wake()
  })
  socket.on('data', (chunk: Uint8Array) => framer.push(chunk))
  socket.on('error', () => wake())
  socket.on('close', () => wake())
  const change = async () => {
    if (socket.destroyed) throw new Error('the server closed the connection')
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
    })
  }
  return {
    async ask(method, params) {
      const id = nextId++
      socket.write(formatJson({ method, params, id }))
      for (;;) {
        const at = heard.findIndex((message) => message.id === id)
        if (at >= 0) {
          const answer = heard.slice(0, at + 1)
          heard = heard.slice(at + 1)
          return answer
        }
        await change()
      }
    },
    async next() {
      for (;;) {
        const message = heard.shift()
        if (message) return message
        await change()
      }
    },
    close: () => socket.destroy(),
  }
}
