import { checkEndpointUrl } from './endpoint-url';

const strict = { allowLoopback: false };

test.each([
  ['https://partner.example/hook?x=1', 'https://partner.example/hook?x=1'],
  ['https://Partner.EXAMPLE:8443', 'https://partner.example:8443/'],
  ['https://93.184.216.34/hook', 'https://93.184.216.34/hook'],
  ['https://[2606:2800:220:1::1]/', 'https://[2606:2800:220:1::1]/'],
])('%s is accepted', (text, href) => {
  expect(checkEndpointUrl(text, strict).href).toBe(href);
});

test.each([
  ['not a url', /absolute URL/],
  ['http://partner.example/', /https:\/\//],
  ['ftp://partner.example/', /https:\/\//],
  ['https://user:pass@partner.example/', /user name or password/],
  ['https://partner.example/#frag', /fragment/],
  ['https://partner.example/#', /fragment/],
  [`https://partner.example/${'a'.repeat(2048)}`, /longer than 2048/],
  ['https://127.0.0.1/', /loopback/],
  ['https://2130706433/', /loopback/],
  ['https://0x7f.1/', /loopback/],
  ['https://[::1]/', /loopback/],
  ['https://[::ffff:127.0.0.1]/', /loopback/],
  ['https://localhost/', /loopback/],
  ['https://api.localhost./', /loopback/],
  ['https://10.0.0.8/', /private or reserved/],
  ['https://169.254.169.254/latest/meta-data', /private or reserved/],
  ['https://100.64.0.1/', /private or reserved/],
  ['https://[fd00::1]/', /private or reserved/],
  ['https://[64:ff9b::7f00:1]/', /private or reserved/],
  ['https://0.0.0.0/', /private or reserved/],
])('%s is refused', (text, why) => {
  expect(() => checkEndpointUrl(text, strict)).toThrow(
    expect.objectContaining({ code: 'invalid_request', message: expect.stringMatching(why) }),
  );
});

test('loopback is accepted over http and https when allowed, and nothing else opens with it', () => {
  for (const text of ['http://127.0.0.1:9000/hook', 'http://localhost:9000/', 'https://[::1]:9000/'])
    expect(checkEndpointUrl(text, { allowLoopback: true }).href).toBe(text);
  for (const text of ['http://partner.example/', 'http://10.0.0.8/', 'https://10.0.0.8/'])
    expect(() => checkEndpointUrl(text, { allowLoopback: true })).toThrow();
});
