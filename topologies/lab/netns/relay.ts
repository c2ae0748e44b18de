/**
 * Relays TCP on 127.0.0.1 of the machine to a unix socket. The controller of a netns lab sits in a
 * namespace that nobody else reaches; names of unix sockets are seen from all of them.
 */
import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import { pipeline } from 'node:stream'

/** A relay that listens. */
export interface Relay {
  /** On 127.0.0.1, chosen by the kernel; the same for the relay's whole life. */
  readonly port: number
  /** Cuts all connections and stops listening. */
  close(): Promise<void>
}

/** Starts to listen. While nobody serves the socket, connections are closed as they come. */
export async function openRelay(socketPath: string): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = createConnection({ path: socketPath, allowHalfOpen: true })
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
    // Either side's end or failure ends that direction; destroying both is what a cut cable looks like.
    const cut = (error: Error | null | undefined): void => {
      if (!error) return
      client.destroy()
      upstream.destroy()
    }
    pipeline(client, upstream, cut)
    pipeline(upstream, client, cut)
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      if (server.listening) await closed
    },
  }
}
