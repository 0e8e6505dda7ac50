/** What the user's browser is told at the end of a connect flow that names no return URL. */
const MESSAGES: Readonly<Record<string, readonly [heading: string, text: string]>> = {
  connected: ['Connected', 'Your data is being read now. You can close this page.'],
  scope_missing: [
    'Almost connected',
    'None of the data was ticked on the consent page, so nothing can be read. Connect again and tick what you want to share.',
  ],
  consent_denied: ['Not connected', 'You did not give your consent. Nothing was stored.'],
  connect_state_invalid: [
    'This link is not valid any more',
    'Each connect link works once, for ten minutes. Go back to where you came from and start again.',
  ],
  account_mismatch: [
    'This is another account',
    'You are connected with a different account already. Log in with that one, or disconnect it first.',
  ],
  integration_gone: ['Not connected', 'The connection was removed in the meantime. Start again.'],
};

const UNKNOWN = [
  'Not connected',
  'The provider did not complete the connection. Please try again in a few minutes.',
] as const;

/** A small readable page; every text is ours, nothing of the request is repeated in it. */
export function callbackPage(code: string): string {
  const [heading, text] = MESSAGES[code] ?? UNKNOWN;
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading}</title></head>
<body><main><h1>${heading}</h1><p>${text}</p></main></body>
</html>
`;
}

/** The registered return URL with the outcome in its query; what it had there stays. */
export function returnLocation(
  returnUrl: string,
  outcome: { integrationId: string; status: string; code: string },
): string {
  const url = new URL(returnUrl);
  for (const [name, value] of Object.entries(outcome)) url.searchParams.set(name, value);
  return url.href;
}

/** Does this Accept header ask for JSON rather than for a page? Browsers always name text/html. */
export const wantsJson = (accept: string | undefined): boolean =>
  accept !== undefined && /application\/(problem\+)?json/i.test(accept) && !/text\/html/i.test(accept);
