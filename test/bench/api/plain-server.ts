/**
 * The peer of `api`'s reads, a process of its own: fastify with nothing around it, which answers every GET with one object. Reads
 * the object as JSON from standard input, writes its port to standard output, runs until it is ended.
 */
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'

const answer = JSON.parse(await text(process.stdin)) as object
const app = fastify()
app.get('/', () => answer)
await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${(app.server.address() as AddressInfo).port}\n`)
