/**
 * The health check of the container: whether the controller beside it takes requests. Exit code 0 or 1. Where it is, is said
 * by the environment that both have. Neighbours: Containerfile, ../../controller/northbound/observations.ts (/readyz).
 */
import { request as http } from 'node:http'
import { request as https } from 'node:https'
import { env } from 'node:process'

const { WEFT_REST = '127.0.0.1:8080', WEFT_REST_TLS_CERT } = env
const colon = WEFT_REST.lastIndexOf(':')
const host = WEFT_REST.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
const where = WEFT_REST.startsWith('unix:')
  ? { socketPath: WEFT_REST.slice('unix:'.length) }
  : {
      host: host.replace(/^0\.0\.0\.0$/, '127.0.0.1').replace(/^::$/, '::1'),
      port: WEFT_REST.slice(colon + 1),
    }
// It asks itself, on this machine and without a token: whose name its certificate has does not matter.
const asked = WEFT_REST_TLS_CERT
  ? https({ ...where, path: '/readyz', rejectUnauthorized: false })
  : http({ ...where, path: '/readyz' })
asked.on('response', (response) => {
  response.resume()
  process.exitCode = response.statusCode === 200 ? 0 : 1
})
asked.on('error', ({ message }) => {
  process.stderr.write(`${message}\n`)
  process.exitCode = 1
})
asked.end()
