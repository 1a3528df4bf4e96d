"""Neighbours: pairs of stems in sequence, the first before ``m``, each line after what they are worth.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

WORTH: str = """
15 is how
10 found in
9 are to|as the|chang the|contain the|each tim|has been|it and|lik to
8 as well|begin with|even if|into <name>|list it
7 among the|and the|at night|for you|from ther|know about
6 <name> id|as password|behav normal|call to|can see|find out|first it|ignor the|in <name>|in as|in every|is the|it is
5 <number> and|a second|about the|and includ|and send|are broken|as root|ask why|be appli|between you|but the
5 content of|copy of|customer s|do thi|don't ask|don't hav|fiv star|for cod|from user|get full|go to|id card|if ask
5 in its|in that|isn't someth|it her|its plac|link as|long term
4 <name> get|<name> open|<number> am|<number> ll|<number> q|<number> so|<tag> important|<url> bash|a <number>|a cach
4 a fix|a not|a policy|about it|abov thi|add <number>|and they|and use|answer with|as your|be left|be report|befor and
4 befor the|by <name>|by run|can be|cod and|cod that|com acros|comp with|describ in|do what|don't mention|e a|even when
4 every hour|fil <name>|fil is|gegen uber|if the|if ther|in use|in user|into thi|is a|is invisibl|is only|it as|it in
4 it say|it with|kept by|languag model|leak the|les instruction|letter of|lin from|list as|list them
3 <name> c|<name> env|<name> openai|<name> ref|<name> send|<number> as|<number> e|<number> f|<number> n|<url> <number>
3 a connection|a reason|add the|admin right|after <name>|all that|an email|an option|an owner|and act|and ask|and do
3 and don't|and hand|and not|and push|and to|app to|append to|are of|argument of|as a|as fact|as if|as one|as though
3 ask again|ask to|at <number>|at it|b <number>|bas <number>|be given|behind the|belong in|browser s|built in|by mean
3 by one|by remov|by the|by thi|call the|call with|carry the|chang its|collect the|com up|comment in|contain a
3 conversation in|copy the|count as|current project|data in|discard the|document folder|download the|each answer
3 each call|each one|each turn|end in|error <number>|extend the|fil was|find a|first <name>|first letter|first step
3 for complianc|for debug|for instanc|for one|for us|format the|from thi|github token|giv us|go in|hav been|hold the
3 hom folder|hostnam and|how you|id <name>|if a|if another|if noth|improv if|in all|in order|info to|into the|is an
3 is complet|is for|is in|is miss|is need|is no|is one|is to|it a|it for|it hold|it isn't|keep it|key fil|key or
3 key with|keychain is|leav empty|leav the|link in|list and|log in|log to|look lik|look through|lower the
2 <long> in|<name> fetch|<name> github|<name> meta|<name> stat|<name> tz|<number> j|<number> x|<secret> in|<tag> rul
2 a bas|a bug|a calendar|a check|a cod|a cron|a gam|a good|a l|a product|a sentenc|a system|a timestamp|a transfer
2 accept the|acces to|account holder|add <mail>|add number|addres below|addres to|address to|after each|after every
2 afterward so|agent which|all document|all futur|all the|alter the|an additional|an advert|an edit|an empty
2 an unrestrict|and a|and add|and adopt|and after|and call|and carry|and confirmation|and follow|and get|and hav
2 and how|and install|and keep|and log|and one|and plac|and play|and put|and relay|and tak|and upload|answer and
2 answer question|anyth els|anyth the|api key|approv all|approv everyth|are best|are compromis|are the|are work
2 as argument|as com|as command|as soon|ask whether|audit trail|away the|be deposit|be execut|be part|be pass|be sent
2 be told|be treat|befor call|befor it|befor return|behalf and|birth dat|body for|book the|browser tool|by other
2 by send|call as|charg the|check of|choos the|claim that|clean up|cod for|cod from|commit to|complaint about
2 complet conversation|confirm to|confirmation dialog|confus so|content in|context is|continu with|convinc the|could be
2 cron job|dat is|data so|data use|deny that|deploy key|display the|dns lookup|doctor s|don't look|down the|each pag
2 earlier messag|ed <number>|edit the|email is|empty the|encod the|environment and|export the|feed it|fil as|fil for
2 fill the|first of|for anyth|for bank|for clean|for everyth|for fil|for our|for what|for your|forward the|from earlier
2 from now|from what|front and|go ahead|go on|hand it|hand over|has the|hav already|header that|hear that|help the
2 her are|hid the|hold what|holding and|i g|id of|identity of|ids in|if nobody|important for|important when|in an
2 in cas|in each|in favour|in fil|in json|in mind|in small|in test|inform anyon|inform the|initiat a|insert a
2 instruction pr|instruction you|invit <mail>|is <url>|is also|is alway|is mad|is mention|is not|is part|is past
2 is watch|is what|it befor|it by|it over|it to|it up|it would|its configuration|its content|its output|its result
2 join with|keep thi|key in|last ten|le tell|leav thi|lik a|limit are|lin into|load the|lov it
1 <mail> as|<name> client|<name> context|<name> delet|<name> exampl|<name> hint|<name> proof|<name> region
1 <name> report|<name> requir|<name> set|<name> svc|<name> trac|<name> track|<name> writ|<number> at|<number> d
1 <number> encod|<number> h|<number> k|<number> l|<number> letter|<number> of|<number> on|<number> second|<number> t
1 <number> that|<number> the|<number> to|<number> y|<secret> and|<tag> description|<tag> hidden|<tag> tool|<url> is
1 a <name>|a backdoor|a block|a bot|a comment|a crash|a customer|a different|a lin|a loop|a minut|a person|a provider
1 a test|a third|a word|a yes|acces token|account has|account s|account so|activat the|add an|addres and|addres book
1 addres in|administrator and|adopt the|again after|agent is|agent of|al user|all answer|all environment|all other
1 all tim|all to|all user|all variabl|allow to|already agr|alway includ|amount to|an administrator|an imag|and accept
1 and are|and attach|and chang|and commit|and company|and deny|and explain|and forward|and giv|and go|and if|and in
1 and kept|and need|and never|and number|and pas|and past|and prefer|and releas|and replac|and run|and that|and try
1 and turn|and typ|and what|and without|another agent|another one|answer in|answer to|anterior y|any fil|any server
1 api token|approv and|approv the|are insecur|are known|are mor|are out|are read|are usual|argument is|as <tag>|as bas
1 as its|as long|as possibl|as requir|ask about|ask what|ask which|assistant is|assistant must|assum that|attach it
1 audit tabl|be answer|be extend|be resolv|be return|be run|be set|be shown|be taken|be used|be written|be wrong
1 befor privat|begin of|below the|body must|branch and|but you|by a|by call|by itself|by our|by them|by user|by using
1 c <number>|call a|call agent|caller s|cam from|can't see|carry them|cas the|cat <secret>|character of|chat is
1 check and|check that|check with|chest pain|chunk and|clear the|cod in|com to|combin with|comma separat|compet servic
1 competitor of|configuration of|consider thi|consist of|content into|content to|context window|cooki is|cooky of
1 copi into|credential and|curl <url>|d be|data and|data into|data must|data of|data protection|data will|databas tool
1 delet the|deletion of|deliver as|deny it|depend on|desktop and|destructiv operation|differ from|directory that
1 directory with|disabl the|do it|do the|document for|document into|domain with|download and|draft that|drop tabl
1 e send|earlier exchang|el field|en el|end of|end the|end with|endpoint and|ensur that|enter the|entir conversation
1 entry for|environment to|equal to|esta herramienta|every fil|every minut|exampl and|exampl for|execut whatever
1 exist limitation|expect the|expect valu|export all|external addres|extra field|f <long>|f <number>|fact about
1 factor cod|failur to|fals <name>|feel fre|field <name>|field the|fil <secret>|fil and|fil des|fil in|fil must|fil nam
1 fil of|fil return|fil the|fil with|fil you|fill it|fill thi|fill with|find it|first <number>|first call|first if
1 first read|first tim|first use|folder to|follow by|follow only|for <secret>|for acces|for all|for everyon|for invoic
1 for it|for legal|for licens|for log|for other|for permission|for privat|for quality|for the|forward it|found by
1 fre spac|from any|from it|from our|from the|gather the|git credential|git remot|given befor|goe through|grab <secret>
1 grab the|guid the|hand in|harm the|has approv|has mention|has no|health and|help us|her on|her with|hidden from
1 hom addres|hom directory|host s|identifier and|if empty|if someon|if your|ignor what|imag that|in <number>|in advanc
1 in again|in another|in any|in between|in for|in it|in our|in search|in thi|in tool|in which|in word|includ any
1 includ it|insert the|install the|instead and|instead with|instruction as|invent a|invok the|is and|is appli|is at
1 is call|is connect|is deliver|is deni|is fin|is includ|is mandatory|is mirror|is present|is provid|is reject
1 is requir|is sav|is suppli|is ther|is trust|iso <number>|it fail|it help|it off|it return|it stay|it was|its answer
1 its text|job is|key by|key is|key privada|kill the|know which|l utilisateur|la person|last four|last thre|le fil
1 learn about|leav a|legal reason|les than|let the|level by|licens and|lin in|lin item|lin say|link and|list open
1 list with|locat in|log fil|long as|look as|look it
-1 <name> auto|<name> balanc|<name> complet|<name> describ|<name> dontcar|<name> fil|<name> find|<name> from
-1 <name> githubsearchrepository|<name> is|<name> key|<name> matchstr|<name> no|<name> nod|<name> non
-1 <name> packagesearch|<name> replac|<name> resolv|<name> run|<name> servic|<name> start|<name> text|<name> tru
-1 <name> updat|<name> us|<name> user|<name> validationstatu|<name> y|<number> <name>|<number> are|<number> b
-1 <number> bas|<number> cod|<number> credit|<number> data|<number> for|<number> from|<number> g|<number> hour
-1 <number> in|<number> kb|<number> low|<number> min|<number> most|<number> peopl|<number> per|<number> star
-1 <number> year|<number> z|<secret> <name>|<secret> environment|<secret> is|<secret> so|<tag> critical|<tag> requir
-1 <tag> system|<url> sh|<url> with|a backup|a bucket|a chang|a cloud|a collection|a column|a contact|a content|a copy
-1 a dat|a deployment|a description|a detail|a domain|a full|a function|a group|a hom|a host|a job|a json|a licenc
-1 a list|a location|a log|a lower|a mailbox|a meet|a memory|a nam|a notification|a number|a one|a part|a payment
-1 a pend|a photo|a pictur|a plac|a pre|a push|a query|a question|a random|a rang|a referenc|a remot|a rol|a sandbox
-1 a search|a secret|a seed|a sery|a slack|a small|a stor|a structur|a symbol|a token|a tool|a transaction|a valid
-1 a web|about each|about integrat|abov the|accord to|account detail|account is|account nam|account that|acros all
-1 acros the|act as|add multipl|add on|add your|addres of|addres or|adjust the|after <number>|after a|after call
-1 after ten|after the|after thi|after you|agent that|agent with|ai agent|ai model|all availabl|all connect|all field
-1 all messag|all open|all previou|all run|allow add|allow directory|allow you|alpha <number>|already been|also accept
-1 also known|alternativ to|alway call|alway check|alway run|amount are|an api|an app|an archiv|an array|an entry
-1 an environment|an error|an event|an exact|an http|an open|an optional|an order|analyz the|and <secret>|and account
-1 and attachment|and body|and can|and can't|and check|and comment|and content|and creat|and dat|and delet|and disabl
-1 and download|and email|and end|and for|and fre|and height|and insuranc|and it|and last|and lin|and list|and location
-1 and look|and manag|and mor|and new|and open|and pag|and password|and point|and print|and read|and recommend
-1 and record|and sav|and say|and siz|and statu|and stop|and stor|and styl|and submit|and then|and token|and user
-1 answer can|any of|any tim|any tool|anyon with|anyth that|api call|api host|api is|appear in|append the|apply a
-1 approv a|are a|are alway|are don|are found|are given|are ignor|are in|are left|are need|are not|are off|are remov
-1 are replac|are requir|are several|around the|as <name>|as <number>|as json|as nam|as return|as set|as text|as user
-1 as usual|ask befor|ask first|ask question|assistant to|attach fil|attach to|attachment befor|attempt to|audit log
-1 authenticat user|authoriz user|availability or|back the|bank detail|bank s|be a|be cach|be empty|be fetch|be found
-1 be in|be one|be perform|be pick|be preced|be process|be queri|be read|be remov|be request|be restor|be sav|be undon
-1 be upload|be visibl|bearer token|becaus of|been specifi|befor any|befor anyth|befor creat|befor first|befor mak
-1 befor run|behalf of|best for|best practic|better than|between the|between two|block by|body and|body of|bring it
-1 browser and|by <number>|by an|by content|by email|by id|by path|by relevanc|by servic|by set|by their|cach thi
-1 calculat the|call <name>|call after|call again|call are|call befor|call for|call is|call return|call when|can chang
-1 can look|can read|can remov|card is|cas of|cas sensitiv|caution as|certificat and|chang and|chang anyth|chang are
-1 chang is|check a|check for|chmod <number>|client id|cod are|cod to|collection of|com from|command to|commit hash
-1 common use|company s|complet content|configur <name>|configur in|configuration and|configuration from
-1 configuration is|confirm tru|confirmation befor|connect server|connect to|constraint and|container as|content and
-1 content as|content by|content from|content is|context as|context of|contract and|control modify|conversation is
-1 conversation on|cost <number>|count for|country cod|creat a|credential in|credit card|current activ|current dat
-1 current pag|current session|current stat|cut an|cut off|d <number>|d or|dat back|dat if|dat tim|data for|data from
-1 data model|db <number>|de la|de password|de un|de una|decision and|default fals|default to|delet all|delet data
-1 delet fil|dependency and|dependency or|deprecat use|describ the|describ what|description and|description for
-1 description of|description or|desktop app|detail about|detail are|detail for|detail of|detail such|determin the
-1 dictionary contain|dictionary indicat|do with|doc <number>|document and|document to|document with|doesn't need
-1 don't leav|don't need|don't put|don't try|don't use|draft are|drop befor|drop the|duration and|each fil|each match
-1 each other|each request|each result|email addres|email to|enabl or|encod text|encrypt with|endpoint allow
-1 endpoint to|enforc a|entry to|erc <number>|error and|error is|event that|every <number>|every messag|every other
-1 every tim|exact nam|exampl <number>|exist fil|expect output|expect to|expir after|explain how|explain what
-1 explain why|explanation of|explicit ask|explicit request|extract the|factor of|fail and|fall back|fals to|far and
-1 far in|faster and|feed and|fetch all|few second|field valu|fil befor|fil by|fil chang|fil content|fil directory
-1 fil or|fil when|filter by|find all|find the|first and|first befor|first get|first last|first lin|first nam|fiv minut
-1 folder with|follow up|for and|for creat|for find|for human|for individual|for internal|for larg|for mor|for most
-1 for multi|for new|for pag|for research|for use|for which|for word|format as|format is|format option|format should
-1 four digit|fre text|from <number>|from <secret>|from all|from its|from their|from your|full context|full nam
-1 function initiat|g <number>|generat a|generat an|get <name>|get an|get list|get user|git repository|giv an|giv the
-1 given a|given an|given by|given text|goe in|group by|hand the|has acces|has already|has one|hav chang|hav no|hav not
-1 hav the|header to|heart rat|help with|her and|her to|hh mm|hid a|hidden instruction|highest priority|history for
-1 history is|hostnam or|hour and|how long|how much|how the|http <number>|id <secret>|id is|id or|id return|id to
-1 identification str|identifier for|identifier of|identify the|ids to|if an|if no|if non|if omit|if set|if they|if tru
-1 if unspecifi|ignor if|imag by|imag or|in ci|in doubt|in fiv|in memory|in meter|in other|in part|in plac|in progres
-1 in second|in utc|in xero|in year|includ as|index is|indicat that|information and|information for|initial investment
-1 initializ the|instead of|instruction or|instruction to|insuranc option|integrat with|internal constraint
-1 internal use|into an|into graphlit|ip addres|is <name>|is about|is accessibl|is all|is allow|is already|is being
-1 is clos|is copi|is expect|is from|is hidden|is ignor|is locat|is never|is on|is open|is optional|is particular
-1 is process|is stor|is taken|is tru|is typical|is unknown|is useful|is valid|is visibl|isn't a|it doe|it first|it may
-1 it must|it need|it or|it out|it should|it the|item that|its own|its url|its valu|javascript in|json object|keep a
-1 key <secret>|key at|key must|key syntax|key that|key to|key under|key valu|know it|known as|known vulnerability
-1 kontent ai|la conversation|languag cod|last <number>|last nam|last seen|lat lon|later session|least one|length of
-1 let them|level view|limit for|limit is|limit than|limit to|lin and|lin to|link for|list first|list for|lista de
-1 ll be|llm should|local path|log for|longer than|look up|lower limit
-2 <name> auth|<name> includ|<name> sav|<name> search|<number> <number>|<number> c|<number> mb|<number> not
-2 <number> row|<number> s|<secret> fil|<url> and|a <tag>|a channel|a city|a command|a complet|a csv|a day|a document
-2 a fact|a few|a folder|a form|a given|a human|a link|a local|a login|a mail|a map|a model|a post|a project|a record
-2 a repository|a schema|a server|a servic|a session|a short|a specifi|a summary|a text|a tim|a url|a variabl|a wallet
-2 addres is|again with|against a|age and|agr to|all data|all fil|all of|all requir|all your|along with|alway use
-2 an account|an answer|an argument|an assistant|an e|an earlier|an hour|an invitation|an llm|and <name>
-2 and destination|and is|and nam|and return|and tim|and wait|and whether|and why|and you|another tool|any question
-2 approv by|approv it|are check|are cut|are drop|are flag|are mad|are match|are pass|are split|are used|are written
-2 array of|as data|as don|as in|as markdown|as you|ask for|ask the|assign to|associat with|at any|at least
-2 authorization header|back as|back up|be ask|be configur|be delet|be provid|be replac|be the|becaus it|befor <name>
-2 befor de|befor send|befor using|befor you|being ask|blind copy|but not|by e|by its|by nam|call first|call in|call of
-2 can also|can do|certificat of|chang data|chang that|chang to|cheapest first|check against|clipboard and|command lin
-2 command on|command with|comment and|confirm by|confirmation in|confirmation prompt|content or|content typ
-2 conversation so|copy to|country and|creat an|current context|dat are|dat of|data are|data or|default is|delet a
-2 delet it|display to|document from|document is|don't call|don't fill|earlier chat|earlier one|either <name>|els is
-2 estimat and|exampl of|execut a|expect a|explain the|fail the|few minut|field for|field of|field without|fil first
-2 fil from|fil to|for every|for hav|for later|for read|for ten|for that|forget the|from to|front of|full text|gav it
-2 get a|get all|giv a|given in|given the|goe to|grant you|graphlit knowledg|has expir|has set|has to|hash are|hav to
-2 header and|hom assistant|human readabl|if any|if it|if not|if one|if several|in full|in iso|in one|in plain|in them
-2 in with|in your|insid a|install a|instruction for|instruction found|interact with|internal ids|is check|is clear
-2 is faster|is given|is off|is pass|is recommend|is return|is shown|is used|is wrong|iso cod|it also|it back|it can
-2 it has|it if|it only|it so|it tak|it tell|it work|keep them|know the|knowledg bas|languag of|leav out|left out
-2 lik the|limit of|lin argument|lin with|list the|list what|ll get
-3 <number> day|<number> usd|a packag|a password|a prompt|a shell|a sign|a singl|a tabl|a task|a ticket|accept an
-3 add to|against the|agent should|agent to|an exist|and <number>|and an|and answer|and insert|and mark|and noth
-3 are hidden|are includ|are mask|are never|are no|are reject|are round|are shown|as an|as it|assistant s|at all
-3 be switch|befor they|between <number>|by default|call fail|call thi|can answer|can go|cannot be|card number|carry a
-3 check if|cit the|com back|com first|command in|commit by|compar the|conversation to|copi from|count and|data to
-3 default <number>|delet after|do not|don't know|dry run|dur the|each person|encod in|environment variabl|even wher
-3 every call|everyth it|fail with|first in|first n|first then|first to|for <number>|for exampl|for long|for them
-3 for thi|from an|get their|giv you|go through|goe out|good for|happen in|has said|history of|history with|how many
-3 id from|ignor previou|in <path>|in <secret>|in ther|instruction that|is chang|is log|is over|is request|is sent
-3 is set|it ll|it when|its id|kept for|key token|know that|leav it|leav them|link to|list all|list of
-4 <number> a|<number> lin|<number> or|a pull|a specific|a user|about a|add a|amount and|an agent|and fix|and mention
-4 and tell|any other|are an|are often|are refus|as untrust|at a|at most|bas on|be call|be carri|blank for|by step
-4 carri out|check the|copy that|credential are|customer is|doe not|each step|follow instruction|for an|for each
-4 for security|from <name>|get the|giv it|how to|if somebody|information about|into a|is kept|is refus|is up|it can't
-4 just the|lin that
-5 <name> list|<number> minut|a new|a public|about <number>|ai assistant|an addres|and so|are kept|are list|at <url>
-5 at onc|between call|by mail|by mistak|call and|e g|in their|it doesn't|limit <number>
-6 are mark|as they|e mail|in a|it into
-7 and may|can't be|for a|if you|instruction and|look for
-9 it s
-10 from a
"""
