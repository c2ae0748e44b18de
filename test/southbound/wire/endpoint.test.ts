import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Endpoint,
  formatEndpoint,
  listens,
  parseEndpoint,
} from '../../../southbound/wire/endpoint.ts'
import { WireError } from '../../../southbound/wire/error.ts'
import { runs } from '../../random.ts'

test.each<[string, Endpoint]>([
  ['tcp:192.0.2.1:6653', { kind: 'tcp', host: '192.0.2.1', port: 6653 }],
  ['tcp:192.0.2.1', { kind: 'tcp', host: '192.0.2.1', port: 6640 }],
  ['ssl:[2001:db8::1]:6653', { kind: 'ssl', host: '2001:db8::1', port: 6653 }],
  ['ssl:[::1]', { kind: 'ssl', host: '::1', port: 6640 }],
  ['tcp:controller.example:1', { kind: 'tcp', host: 'controller.example', port: 1 }],
  ['unix:/run/openvswitch/db.sock', { kind: 'unix', path: '/run/openvswitch/db.sock' }],
  ['ptcp:6653', { kind: 'ptcp', host: '', port: 6653 }],
  ['ptcp:', { kind: 'ptcp', host: '', port: 6640 }],
  ['ptcp:0:127.0.0.1', { kind: 'ptcp', host: '127.0.0.1', port: 0 }],
  ['pssl:6653:[::]', { kind: 'pssl', host: '::', port: 6653 }],
  ['pssl:6653:::1', { kind: 'pssl', host: '::1', port: 6653 }],
  ['punix:db.sock', { kind: 'punix', path: 'db.sock' }],
])('%s is read as Open vSwitch means it', (text, endpoint) => {
  expect(parseEndpoint(text, 6640)).toEqual(endpoint)
  expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint)
  expect(listens(endpoint)).toBe(text.startsWith('p'))
})

test.each([
  ...['', 'tcp', 'udp:1.2.3.4:5', 'constructor:1', 'tcp:', 'tcp:1.2.3.4:', 'tcp:1.2.3.4:0'],
  ...['tcp:1.2.3.4:65536', 'tcp:1.2.3.4:5:6', 'tcp:::1:6653', 'tcp:[1.2.3.4]:5', 'tcp:a b:5'],
  ...['ptcp:x', 'ptcp:70000', 'pssl:1:[x]', 'unix:', `punix:${'x'.repeat(108)}`, 'tcp:host'],
])("'%s' is refused with the text in the sentence", (text) => {
  expect(() => parseEndpoint(text)).toThrow(WireError)
  expect(() => parseEndpoint(text)).toThrow(`'${text}' is no endpoint`)
})

test('whatever is read reads the same again, and nothing but the typed error comes out', () => {
  const piece = fc.constantFrom(...'tcp,ssl,unix,p,:,[,],::1,10.0.0.1,6653,0,a,/x'.split(','))
  const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))
  void fc.assert(
    fc.property(text, (one) => {
      try {
        const endpoint = parseEndpoint(one, 6653)
        expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint)
      } catch (error) {
        expect(error).toBeInstanceOf(WireError)
      }
    }),
    runs(5000),
  )
})
