// Called once for each event: an HTTP request to its URL, or what `evoke invoke` sends.
export const handler = async (event, context) => {
  const name = event.queryStringParameters?.name ?? event.name ?? 'world';

  console.log(`greeting ${name}`);
  return { message: `${process.env.GREETING}, ${name}` };
};
