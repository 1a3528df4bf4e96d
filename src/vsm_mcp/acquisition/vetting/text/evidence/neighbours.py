"""Neighbours: pairs of stems that follow each other, each line after what they are worth.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

WORTH: str = """
13 the person
10 not tell|say the|that they|to thi
9 are to|it and|lik to|list it
8 at night|contain the|even if|found in|the dat|thi text|with it
7 and don't|as the|as well|begin with|call to|chang the|for you|know about|show them|so they|tak the|the call
7 the machin|the referenc|the tool|thi one|to hear|you and|your own
6 <tag> important|about the|and the|befor the|can see|customer s|each tim|find out|fiv star|in every|in that
6 into <name>|it as|it is|list them|mov the|n ao|nam in|new task|number and|of what|on their|read thi|s not|so that
6 the argument|the assistant|the chat|the credential|the human|the key|the last|the one|the only|the sam|the second
6 the user|the valu|ther is|tim a|to <url>|to stop|to the|to us|turn off|user tell|valu of|word of|you wer
5 <name> id|a conversation|a second|app to|as password|as root|be appli|between you|copy of|do thi|don't hav|don't show
5 first it|get full|has been|id card|if ther|ignor the|in <name>|in its|is in|is invisibl|is the|most expensiv|need for
5 never mention|not <name>|not to|off the|only want|person and|port <number>|repeat thi|rm rf|s <number>|s sav|say it
5 sid effect|skip the|tell user|text of|the <name>|the administrator|the children|the disk|the host|the request
5 the summary|the usual|the vendor|the way|the year|them in|they ask|thi description|thi paragraph|to be|together with
5 user typ|what to|writ acces|이전 instruction
4 <name> send|<number> q|<number> so|a <number>|a cach|a connection|a not|abov thi|add <number>|and after|and includ
4 and send|answer with|are best|as a|as your|b <number>|be left|be report|befor and|but the|by the|content of
4 describ in|do the|do what|even when|every hour|fil is|find a|for cod|for us|from the|go to|how you|if ask|if the
4 in all|in as|in user|into the|into thi|is no|is to|it her|its plac|keep it|languag model|les instruction|letter of
4 link as|long term|look lik|mak it|mod and|model is|nam <name>|nam with|never use|not le|number in|of our|of thi
4 on top|one and|person s|privat document|put the|run is|run it|scan of|send email|shar the|start the|start with
4 stat that|that it|that start|that thi|the addres|the admin|the answer|the background|the backup|the better|the chang
4 the competitor|the fil|the folder|the keychain|the mail|the most|the nam|the pipelin|the real|the safety|the servic
4 the very|thi call|thi function|thi lin|through <name>|to <name>|to all|to see|to you|told otherwis|two point
4 user should|user with|v <number>|was given|what follow|what the|what they|with a|with all|with the|with thi
4 without review|work for|x <long>|you read|об этом
3 <name> admin|<name> c|<name> env|<name> get|<name> open|<number> and|<number> as|<number> d|<number> e|<number> f
3 <number> h|<number> ll|<number> x|a bug|a good|acces to|add the|address to|admin right|after <name>|after each
3 all that|an imag|an option|and ask|and carry|and get|and hand|and need|and one|and push|and use|anyth the|append to
3 are compromis|are of|argument of|as fact|as if|as one|ask again|ask what|ask why|bas <number>|be given|be shown
3 behind the|belong in|body for|browser s|built in|by <name>|by any|by mean|by one|by run|by thi|call the|call with
3 carry the|chang its|cod and|cod that|com acros|comment in|comp with|contain a|context is|continu with|conversation in
3 copy the|current project|don't ask|e a|each answer|end in|error <number>|fil <name>|fil was|first step|for complianc
3 for debug|for fil|for one|front and|gegen uber|giv us|go on|has the|hav been|hold the|hom folder|i g|if noth|in cas
3 info to|is a|is an|is complet|is for|is requir|it a|it hold|it say|it to|it with|key or|keychain is|leak the
3 leav empty|leav the|list and|list as|log in|log to|look at|lower the|mailbox is|mak one|mak the|mention thi
3 metadata of|no field|not app|of other|of the|of whoever|older snapshot|on every|one to|only in|only the|over the
3 par ametro|pas through|password fil|password that|peopl s|pictur of|privat repository|pull the|push the|read fil
3 rep and|replac by|report succes|report the|requir by|result of|return str|return wrong|s profil|s text|said in
3 see thi|see what|send it|separat by|set it|show only|sign the|sinc the|so the|social security|sold out|start dat
3 step <number>|stop it|str in|subscrib to|task from|test environment|that is|that only|that support|that the|that you
3 the agent|the branch|the built|the content|the differenc|the extra|the follow|the keyboard|the match|the microphon
3 the money|the other|the parameter|the pi|the question|the repository|the rest|the run|the shell|the sum|the terminal
3 the third|the two|the vault|the version|the wallet|the whol|the word|thi for|thi is|thi messag|thi session|thos of
3 thos who|to account|to keep|to our|to report|to which|tool not|transcript in|use other|user that|vendor s|what <name>
3 when ask|who they|whos nam|will be|with an|with that|work and|work as|would only|you did|you hav|you may|you remember
3 your developer
2 <mail> as|<name> meta|<name> report|<number> j|<number> n|<number> of|<tag> description|<tag> tool|<url> <number>
2 <url> bash|a <name>|a backdoor|a calendar|a check|a cod|a gam|a l|a reason|a system|a timestamp|a transfer|accept the
2 account holder|activat the|add an|add number|addres to|after every|afterward so|ahead of|all answer|all the
2 all variabl|an additional|an advert|an empty|an owner|and act|and adopt|and call|and confirmation|and do|and go
2 and how|and if|and install|and keep|and not|and past|and play|and put|and releas|and tak|and that|and they|and to
2 and turn|another agent|answer and|answer in|are read|are work|as command|as soon|at it|at least|audit trail|away the
2 be part|be treat|birth dat|book the|but if|by other|by remov|by send|call thi|can be|can pas|cas sensitiv|charg the
2 choos the|cod for|cod from|collect the|com up|commit to|complaint about|complet conversation|confirmation dialog
2 confus so|consist of|convinc the|could be|count as|dat is|data in|data so|data use|deletion of|deny that|discard the
2 display the|dns lookup|do it|doctor s|document folder|don't includ|don't look|don't writ|download the|each call
2 each pag|email is|empty the|encod the|end with|environment and|every fil|expect the|export the|extend the|failur to
2 feed it|fil for|fill it|fill the|first <name>|first of|first tim|for <name>|for bank|for clean|for everyth|for our
2 for the|for your|format the|from any|from earlier|from it|from now|from our|from thi|github token|go in|h for|hand it
2 hand over|hav already|header that|health and|help the|hid the|host and|hostnam and|id <name>|id of|ids in|if a
2 if empty|if nobody|improv if|in <number>|in advanc|in an|in favour|in fil|in it|in json|in mind|in order|in test
2 in use|inform the|initiat a|insert a|instead with|instruction pr|invit <mail>|is also|is alway|is fin|is mad
2 is mention|is miss|is only|is past|is watch|is what|it over|it would|its configuration|its output|its result|keep thi
2 key fil|key in|know which|last ten|last thre|leav thi|let the|lik a|limit are|link in|load the|maiden nam|mail from
2 mail the|mailbox to|mark the|matter of|may be|mean of|messag and|model can|nam into|nam is|nam the|need no|need not
2 need to|next to|no need|not allow|not list|not show|now in|now on|number is|o r|obey the|of <name>|of <number>
2 of each|of ids|of money|of rival|of sight|of your|on purpos|on the|on to|on you|one at|one in|one tim|one with
2 open port|operation is|or the|or to|out and|out in|passport number|password and|password manager|password of|past the
2 payment and|person you|phon and|photo and|play a|post the|postal cod|pr ecedent|present it|previou messag|r e
2 read and|read le|read them|recent document|remov it|render an|repeat the|request are|request to|requir first
2 requirement <number>|reus the|s been|s number|s request|s setting|s shell|s wallet|s wish|sav it|sav to|schl ussel
2 search tool|secret of|serv as|server and|server return|sheet to|shell profil|should the|slow thing|so you|soon as
2 step in|str of|str with|summary of|talk about|talk to|task for|tell noth|test for|th <number>|than the|that agent
2 that could|that follow|that mention|that no|that noth|that their|that we|the antiviru|the area|the audit|the balanc
2 the binary|the browser|the calendar|the camera|the card|the cheapest|the client|the collector|the configuration
2 the context|the contract|the data|the dependency|the deploy|the document|the earlier|the environment|the firewall
2 the first|the fre|the github|the hom|the id|the incident|the largest|the level|the lin|the list|the mailbox|the model
2 the newest|the number|the oauth|the open|the operation|the original|the pag|the passport|the pdf|the permission
2 the platform|the premium|the production|the quantity|the reviewer|the script|the seed|the sender|the step|the str
2 the tabl|the test|the thre|the transaction|the transcript|the transfer|the traveller|the upload|the work
2 their location|them and|them as|them with|then call|then the|they are|they d|they don't|thi happen|thi link
2 thi parameter|thi with|thing down|tim cod|timestamp and|to anyon|to book|to collect|to comp|to each|to everyth
2 to improv|to sign|to test|to turn|to watch|token of|tool are|tool fail|tool s|train on|treat it|treat the|two factor
2 typ and|typ in|typ it|under <name>|until you|up the|us the|us to|use <number>|used as|user agr|user had|user is
2 user said|using the|ve been|version of|was mad|was said|we can|what thi|what you|whatever the|when <name>|when nobody
2 when the|when thi|when user|wher they|which is|which you|whil you|with account|with no|with smart|with which
2 without tell|writ the|written by|you use|your rep|your summary|your tool
1 <long> in|<name> client|<name> databas|<name> delet|<name> exampl|<name> fetch|<name> github|<name> hint|<name> label
1 <name> next|<name> openai|<name> overrid|<name> read|<name> region|<name> requir|<name> set|<name> stat|<name> trac
1 <name> track|<name> tz|<name> writ|<number> at|<number> encod|<number> is|<number> k|<number> letter|<number> on
1 <number> second|<number> t|<number> to|<number> y|<secret> for|<secret> in|<tag> system|<url> and|<url> sh|a bas
1 a bot|a comment|a confirmation|a copy|a crash|a cron|a different|a directory|a draft|a key|a loop|a messag|a minut
1 a person|a sentenc|a test|a third|a yes|about thi|account below|account has|account s|add <mail>|addres and
1 addres below|addres book|addres in|administrator and|adopt the|again after|agent and|agent is|agent of|agent which
1 al user|all document|all environment|all futur|all other|all tim|all tool|all user|allow to|alter the|alway call
1 alway includ|among the|amount of|amount to|an external|an issu|an unrestrict|and a|and accept|and add|and any|and app
1 and append|and are|and attach|and chang|and description|and explain|and follow|and forward|and giv|and hav|and in
1 and kept|and leav|and let|and log|and plac|and post|and prefer|and relay|and replac|and try|and typ|and upload
1 and what|another one|answer question|answer them|answer to|any chang|any fil|any server|anyth els|api key
1 approv everyth|approv the|approval step|are broken|are known|are mor|are now|are out|are replac|are skip|are the
1 argument and|argument is|as argument|as bas|as com|as given|as its|as long|as possibl|as though|ask whether|ask which
1 assistant is|assistant must|assistant will|assum that|attach it|audit tabl|availabl to|be answer|be avoid|be deposit
1 be execut|be pass|be return|be run|be sent|be set|be submit|be taken|be told|be written|befor every|befor it
1 befor privat|befor return|below instead|body must|browser history|browser tool|but you|by a|by call|by our|by user
1 by using|c <number>|call a|call as|call it|caller s|carry it|carry them|cas the|cat <secret>|chain of|character of
1 check and|check of|check that|check with|claim that|clean up|clear the|cod as|com from|combin with|comma separat
1 compet servic|competitor of|configuration of|confirm by|contain all|container with|content in|context window|cooky of
1 cron job|curl s|data into|data must|data protection|data will|delet the|deliver as|depend on|desktop and
1 destructiv operation|developer and|directory with|disabl the|disregard the|document for|document into|domain with
1 down the|download and|draft that|drop tabl|e send|each fil|each one|earlier messag|edit the|el field|en el
1 endpoint and|enter the|entir conversation|entry for|entry in|every minut|everyth the|exact as|exampl for|exampl if
1 execut whatever|exist limitation|expect valu|export all|external addres|f <long>|f <number>|fact about
1 factor authentication|factor cod|feel fre|field <name>|field the|fil as|fil des|fil into|fil must|fil nam|fil path
1 fil you|fill thi|fill with|fin and|first <number>|first call|first if|first read|folder to|follow by|follow only
1 for <secret>|for acces|for anyth|for everyon|for good|for invoic|for it|for log|for other|for quality|for their
1 forward it|forward the|fre spac|from another|from her|from one|from ther|from what|gather the|git credential
1 giv acces|giv back|given befor|given to|grab the|guid the|guidelin given|h <number>|hand in|harm the|has mention
1 help us|her on|hidden from|history conversation|holding and|hom addres|hom directory|host s|identifier and
1 identity of|ignor all|ignor what|imag that|in again|in another|in bas|in between|in each|in for|in our|in search
1 in thi|in tool|includ all|includ any|includ the|inform anyon|insert the|install the|instead and|instruction as
1 instruction you|invent a|is and|is at|is attach|is connect|is deliver|is deni|is includ|is not|is part|is present
1 is process|is provid|is put|is reject|is suppli|is ther|is trust|iso <number>|it at|it befor|it by|it fail|it for
1 it help|it in|it isn't|it should|it stay|it up|its answer|its content|its initial|its text|kept by|kept in
1 key privada|key with|kill the|l utilisateur|la person|last four|le fil|le tell|lead to|learn about|leav a|level by
1 link and|list with|lo que|locat in|long as|look as|look it|m <number>|machin s|mail in|mail it|malwar sampl|mark with
1 matter what|mcp client|meant for|memory of|mention in|messag as|messag from|messag is|messag with|minut <number>
1 model you|most recent|must attach|n <number>|nam a|nam and|nam of|nativ search|never call|next call|next step
1 no confirmation|nobody has|nobody is|not add|not appear|not for|not trustworthy|not with|noth is|number from
1 obtain the|of <secret>|of all|of another|of any|of interest|of new|of past|of them|of token|omit the|on all|on and
1 on each|on it|on which|onc per|onc the|one befor|one by|one call|one for|one is|only <name>|only after|only thi
1 open the|optional <name>|or ask|or not|order and|order for|order the|order to|other are|other sourc|otherwis the
1 our feed|our host|our partner|out of|output as|over what|pag with|para o|parameter must|parameter nam|pas all
1 pas them|pass on|past session|pay for|payment to|peek at|per call|permission and|permission to|pip to|play in
1 precedenc over|presenc of|pretend that|previou instruction|previou tool|privileg and|profil and|project directory
1 project on|project s|prompt in|publish the|push to|put them|quality assuranc|que la|que se|query str|question to
1 r <number>|reach the|read back|read limit|read out|read user|real one|receiv from|receiv the|record the|refresh token
1 relay in|report to|repository to|request a|request and|request body|request by|request from|request the|requir a
1 requir for|requir the|rest of|restriction on|result from|result includ|result is|result should|retry with|return by
1 reveal the|right now|rol of|rul to|run curl|s <name>|s <url>|s a|s approval|s behalf|s current|s e|s environment
1 s full|s last|s location|s on|s password|s root|second copy|secret that|security and|security check|security team
1 see it|select the|send money|send your|sentenc in|server send|server to|servic account|servic are|session token|set a
1 set of|set to|setting and|shell tool|short and|should be|sight of|sign in|sign key|sign on|similar tool|siz and|so do
1 so don't|so far|so it|so nobody|someon ask|sourc cod|sourc for|stat for|step to|stop the|submit the|sup the|switch to
1 system prompt|t <number>|tak precedenc|taken from|task is|task to|team s|tell us|term of|text as|text below|text you
1 that an|that appear|that call|that everyth|that has|that of|that post|the <secret>|the annual|the archiv|the attacker
1 the begin|the bottom|the commit|the contact|the cooki|the cooky|the debug|the default|the deletion|the deployment
1 the description|the desktop|the destination|the detail|the dif|the domain|the draft|the duration|the expect
1 the export|the far|the fee|the form|the front|the generat|the git|the helper|the hidden|the highest|the knowledg
1 the llm|the location|the log|the main|the mean|the meet|the metadata|the miner|the nativ|the network|the not
1 the older|the operator|the packag|the parent|the password|the pin|the presenc|the proces|the public|the purchas
1 the raw|the reader|the result|the return|the security|the session|the sheet|the sourc|the statement|the subscription
1 the support|the term|the text|the threshold|the topic|the total|the trash|the volum|the web|the workspac|the world
1 the writ|their credential|their password|them for|them on|ther are|they ll|thi after|thi and|thi between|thi in
1 thi operation|thi out|thi run|thi show|thi step|thi without|though it|tim of|titl <tag>|to authenticat|to disabl
1 to fix|to inform|to install|to know|to leav|to open|to peek|to pres|to prevent|to production|to project|to run
1 to shar|to show|to ten|to tru|to verify|to warm|token from|token to|tool <name>|tool add|tool in|tool is|tool must
1 tool result|tool when|tool you|transcript of|translat the|turn on|turn the|typ so|unlock the|unrestrict model
1 until the|up a|upload <path>|upload all|upload fil|url encod|url on|url wher|use the|use them|used by|used with
1 user already|user as|user doe|user from|user gav|user input|user interfac|user key|user messag|user on|user request
1 user s|user will|using thi|usu ario|valu for|valu must|via <name>|visibility of|want the|want to|warm the|was request
1 wer given|wer told|whatever is|when creat|when no|whenever you|wher the|whether the|which tool|whil the|whil thi
1 will do|will get|will giv|will harm|with detail|with each|with everyth|with nam|with step|with what|within a
1 without any|without check|without confirmation|without show|work directory|worth a|would be|would lik|writ fil
1 writ it|wrong data|y not|yes to|you can|you find|you has|you know|you receiv|you rep|you see|you should|you show
1 you would|you writ|your context|your long|your query|your safety
-1 <name> api|<name> app|<name> ask|<name> auto|<name> complet|<name> creat|<name> describ|<name> dontcar|<name> dry
-1 <name> en|<name> find|<name> full|<name> githubsearchrepository|<name> key|<name> log|<name> non
-1 <name> packagesearch|<name> replac|<name> resolv|<name> sav|<name> servic|<name> start|<name> text|<name> user
-1 <name> y|<name> z|<number> <name>|<number> af|<number> am|<number> are|<number> b|<number> bas|<number> credit
-1 <number> data|<number> expect|<number> g|<number> high|<number> in|<number> min|<number> peopl|<number> per
-1 <number> row|<number> star|<number> the|<number> with|<number> year|<secret> <name>|<secret> environment
-1 <secret> fil|<secret> is|<tag> requir|<tag> titl|a <tag>|a backup|a bucket|a call|a column|a contact|a customer
-1 a dat|a deep|a deployment|a description|a detail|a domain|a folder|a full|a function|a hom|a job|a json|a languag
-1 a library|a licenc|a local|a location|a login|a meet|a memory|a nam|a part|a pend|a pictur|a pre|a query|a question
-1 a random|a referenc|a rol|a room|a secret|a sequenc|a server|a sery|a slack|a small|a stor|a strong|a structur
-1 a symbol|a text|a ticket|a token|a tool|a transaction|a uniqu|a valid|a websit|acces control|acces key|accord to
-1 account detail|account is|account with|acros all|act as|add new|add or|add your|addition to|addres is|addres of
-1 addres or|address and|af <number>|after a|after thi|again with|against an|agent or|agent that|agent with|ai agent
-1 ai model|align with|all child|all data|all messag|all requir|allow you|already been|also be|also known
-1 alternativ pas|alternativ to|alway check|an activ|an administrator|an argument|an array|an element|an email
-1 an environment|an event|an individual|an optional|analyz the|and attachment|and body|and can|and check
-1 and configuration|and content|and dat|and delivery|and destination|and directory|and disabl|and doe|and email
-1 and fre|and handl|and height|and instruction|and insuranc|and last|and list|and look|and metadata|and mor|and new
-1 and pag|and password|and phon|and print|and publish|and record|and referenc|and remov|and return|and say|and should
-1 and stop|and styl|and submit|and system|and text|and then|and token|and user|and whether|and why|and writ
-1 another tool|any of|any tool|anyon with|anyth that|api call|api host|apply a|approv a|are alway|are ask|are consider
-1 are cut|are don|are found|are includ|are off|are remov|are set|are used|are writ|area and|arg <name>|around the
-1 as defin|as json|as nam|as return|as you|ask them|assign to|assistant to|at <url>|at the|attach fil|attach to
-1 attempt to|audit log|audit purpos|authenticat user|authorization header|availability or|back as|back the|be add
-1 be availabl|be cach|be download|be empty|be fetch|be one|be pick|be remov|be request|be sav|be undon|becaus of
-1 been specifi|befor any|befor anyth|befor first|befor mak|befor run|befor writ|being ask|best for|best practic
-1 better than|body and|body of|browser and|bullet point|but it|but not|by email|by id|by itself|by path|by relevanc
-1 by set|by specify|by their|by typ|cach and|call are|call befor|call for|call is|call of|call return|can also
-1 can chang|can remov|card is|cas of|certificat are|chang a|chang and|channel and|chaqu appel|check a|check for
-1 check out|check whether|chmod <number>|clas and|client id|cod <name>|cod are|cod to|collection of|column nam
-1 command on|command to|comment and|commit hash|compar the|complet content|configuration and|confirm the|confirm with
-1 confirmation befor|connect server|connect to|connection str|content and|content as|content is|content typ|context as
-1 context of|contract and|control modify|conversation history|conversation is|corpu key|cost <number>|country and
-1 country cod|creat a|creat and|creat new|creat or|credit card|current context|current pag|current session
-1 current stat|current user|cut off|dat back|dat if|dat tim|data about|data are|data for|data model|de la|de password
-1 de un|de una|decision and|default fals|default to|default valu|delet all|delet fil|deprecat use|der user
-1 describ what|description and|description for|description or|detail about|detail are|dictionary contain
-1 dictionary with|directory for|display show|document to|document with|don't call|don't leav|don't need|don't tak
-1 don't try|dur the|each match|each other|each result|each with|either <name>|els is|email addres|email and|encod text
-1 end user|endpoint to|enforc a|entir content|env ia|erc <number>|error and|error is|error messag|event to
-1 every <number>|every answer|every api|every other|every session|every tim|everyth that|exact nam|exact one
-1 exampl <number>|execut an|exist fil|expect output|expir after|explain how|explain why|explicit ask|explicit request
-1 extract the|factor of|fail the|fals by|fals for|fals to|far and|far in|feed and|fetch all|few minut|few second
-1 field not|field of|field you|fil and|fil are|fil befor|fil by|fil content|fil directory|fil first|fil or|fil read
-1 fil that|fill in|filter by|filter for|find all|find the|first get|first last|first lin|first nam|fiv minut
-1 folder with|follow up|for additional|for ai|for any|for audit|for authentication|for creat|for every|for find
-1 for individual|for internal|for larg|for mor|for pag|for return|for test|for use|for which|for word|format is
-1 format of|format option|four digit|fre text|from all|from its|front of|full text|g <number>|generat an|get an
-1 get list|get next|get user|github repository|giv the|given a|given as|given by|given directory|given in|given key
-1 given text|given user|group by|hand the|has acces|has explicit|hash are|hav not|header to|heart rat|help you|her to
-1 hid a|hidden instruction|history as|history is|how a|how many|http <number>|id <secret>|id is|id return|id to
-1 ideal for|identification str|identifier for|identifier of|identify the|ids to|if any|if no|if omit|if tru
-1 if unspecifi|ignor if|in config|in hom|in memory|in millisecond|in minut|in other|in part|in progres|in them|in utc
-1 in with|in xero|includ <name>|includ as|includ what|index is|indicat no|indicat that|information and|information for
-1 initializ the|input option|insid a|insid the|instruction in|instruction or|insuranc option|internal constraint
-1 into graphlit|ip addres|is <name>|is about|is all|is already|is ask|is call|is consider|is copi|is delet|is don
-1 is hidden|is ignor|is look|is off|is on|is optional|is taken|is then|is tru|is typical|is unknown|is updat|is useful
-1 is valid|is written|isn't a|it again|it doe|it first|it into|it may|it must|it onc|it or|it return|it show|it so
-1 it tak|it tell|it the|item that|its own|its valu|javascript cod|json object|keep a|keep them|key and|key are|key at
-1 key for|key is|key syntax|key valu|know the|known as|l history|languag cod|languag query|last <number>|last nam
-1 later session|leav out|left out|length of|letter cod|level and|level of|level view|limit <number>|limit than
-1 limit to|lin argument|lin item|lin to|lin with|list first|list in|list open|lista de|ll be|location and|log for
-1 longer than|look up|lower limit|mail for|maintain the|mak a|mak an|mak multipl|mak them|mark a|match the|match with
-1 maximum number|may contain|may enforc|may not|mcp server|me all|mean all|memory and|memory bank|mention that
-1 messag indicat|messag of|messag that|min max|minut and|minut for|minut or|mirror the|mm dd|mm ss|model and|model for
-1 model to|moneybird account|mor accurat|mov a|mov money|multipl call|must be|must first|must provid|nam an|nam e
-1 nam email|nam for|nam must|nam not|nam on|nam or|nam requir|nam to|natural languag|near a|network acces|never invent
-1 never return|new valu|newest first|next pag|no mor|no preferenc|no valu|nobody notic|not are|not ask|not chang
-1 not found|not gues|not includ|not its|not know|not modify|not say|not se|not support|not 可能需要多次尝试|noth to
-1 nova poshta|null <number>|null if|null indicat|number are|number for|number on|object <url>|obtain from|of document
-1 of fil|of that|of thes|of web|older than|oldest first|on a|on any|on off|on resourc|on your|onc and|one are|one from
-1 one lin|only for|only show|only when|open a|open sourc|open strategy|operat system|operator has|option for
-1 option must|option to|optional and|optional parameter|or check|or key|or markdown|or modify|or part|or remov|or so
-1 or updat|or without|order by|os version|other internal|other than|other tool|ought to|our server|output format
-1 output is|output of|output path|over a|overwrit exist|owner can|owner s|pag and|pag number|pag of|parameter to
-1 partner osp|password de|password in|password or|path is|path must|path outsid|path to|payment method|payment request
-1 peopl who|per minut|per second|perform a|pi hol|pick the|plain <name>|platform and|play paus|play the|pleas not
-1 poll <name>|post a|post to|preferenc for|previou call|privat not|proc with|process in|progres tabl|project for
-1 project root|prompt injection|prompt is|prompt of|prompt to|provid all|provid an|provid as|provid detail
-1 provid either|provid one|provid parameter|provid the|publish to|pull request|purchas and|query and|query for
-1 query is|query on|query parameter|question and|question is|question that|quot the|rang and|rank by|rat of|re not
-1 read <secret>|read all|read to|reason for|reason if|reason the|recipient and|record are|record in|record to
-1 referenc to|refresh dai|register a|register an|relat query|relat to|relativ to|releas year|remov a|remov in
-1 remov the|rep with|replac each|repository with|request as|request depend|request for|request in|request is
-1 request will|requir <name>|requir an|requir approval|requir befor|requir field|requir login|resolv the
-1 resourc availability|resourc which|respons contain|respons is|result are|result with|retriev all|retriev information
-1 return <name>|return <number>|return a|rfc <number>|right to|risk of|robot txt|rol and|rotat the|round to|rul of
-1 run <name>|s account|s addres|s answer|s api|s content|s knowledg|s mailbox|s messag|s or|s set|s ther|said yes
-1 sam as|sav a|sav card|say noth|scan the|schema for|scop and|search first|search the|search when|second argument
-1 second to|secret from|secret in|section <number>|security reason|see their|send an|send messag|send them|sent to
-1 sequenc of|server offer|sery of|set and|set in|setting of|seven day|sha <number>|shar a|should ask|should not
-1 show both|shown as|simulat a|singl call|singl fil|singl url|so ask|so leav|so we|sourc and|sourc of|specifi by
-1 specifi virtual|specify a|specify the|ssh key|start by|start end|start index|start tim|stat nam|stat of|statu is
-1 statu of|stay on|step is|step of|stop a|stop all|stor a|stor credential|stor it|str that|strategy partner
-1 structur of|submit it|supersed the|support action|support for|sync with|tabl and|tabl for|tabl will|tabl with
-1 tak <number>|tak one|tak plac|tak up|task in|task or|temperatur and|tend to|text <name>|text for|text in|text into
-1 text or|text search|text to|text with|than <name>|than a|than onc|than one|than request|that are|that match
-1 that nobody|that on|that run|the <tag>|the activ|the api|the app|the application|the approval|the artist
-1 the authenticat|the averag|the bank|the best|the board|the broker|the bucket|the build|the cabin|the checksum
-1 the configur|the connect|the conversation|the databas|the developer|the documentation|the employe|the entir|the feed
-1 the filter|the format|the guidelin|the ids|the imag|the lab|the languag|the latest|the link|the local|the namespac
-1 the nearest|the new|the nod|the operat|the owner|the payload|the phon|the player|the pod|the prefer|the previou
-1 the profil|the prompt|the provid|the receipt|the record|the registry|the repo|the requir|the reservation|the respons
-1 the review|the right|the root|the sandbox|the schema|the scor|the set|the setting|the shop|the song|the specific
-1 the stat|the statu|the structur|the styl|the succes|the thread|the ticket|the token|the typ|the uniqu|the url
-1 their answer|their messag|them it|then use|thes thre|they didn't|they go|they need|they typ|thi api|thi endpoint
-1 thi has|thi helper|thi machin|thi over|thi request|thi return|thi rul|thi server|thi tool|thi when|thi will
-1 third party|thos that|thos with|thre option|tim and|tim are|tim period|tim rang|tim sery|tim zon|timeout of
-1 titl <name>|titl description|titl of|to any|to cancel|to choos|to configur|to confirm|to continu|to copy|to dat
-1 to disk|to encod|to ensur|to execut|to fals|to filter|to forc|to generat|to hav|to includ|to it|to null|to pay
-1 to provid|to put|to read|to receiv|to recommend|to remember|to replac|to resolv|to retriev|to return|to set
-1 to specify|to tak|to tell|to their|to two|to wait|token for|token in|token is|token limit|token with|tool allow
-1 tool and|tool as|tool call|tool first|tool get|tool has|tool help|tool nam|tool only|tool over|tool should
-1 tool whenever|tool will|top of|topic or|translat text|treat as|trigger the|tru and|tru fals|tru mean|tru only
-1 tru the|tru to|typ <number>|typ nam|typ of|un programa|under <number>|unit test|universal uniqu|unles <name>
-1 unles they|unlik <name>|up and|up in|up to|updat a|updat exist|updat kontent|upload a|upload the|url <url>|url from
-1 usag statistic|use cas|use for|use search|use with|user a|user about|user account|user confirm|user explicit|user id
-1 user mention|user need|user not|user prompt|user see|user when|user who|using <name>|using any|using its|valu from
-1 valu pair|valu that|valu to|variabl for|variabl nam|variabl of|variabl to|veh iculo|verify that|view control
-1 visibl in|vs cod|wak up|was chang|was found|was provid|way to|we don't|webhook that|week month|well as|what field
-1 what it|what was|when a|when explicit|when read|whenever the|wher <name>|wher a|wher each|wher to|whether a
-1 whether an|whether it|which pag|which should|which will|who s|whom to|will fail|will hav|will help|with customizabl
-1 with fil|with full|with limit|with optional|with or|with other|with pagination|with us|with user|within <number>
-1 without affect|without being|without network|without the|word and|word for|work with|workspac with|writ in
-1 writ operation|writ to|x <number>|x and|you answer|you are|you giv|you ll|you only|you start|you to|your instruction
-1 your moneybird|your reply|yyy mm|z <number>|功能概述 tool|可能需要多次尝试 查询示例|提供清晰简洁的自然语言描述 not
-1 最佳实践 提供清晰简洁的自然语言描述
-2 <name> auth|<name> includ|<name> nod|<name> run|<number> <number>|<number> c|<number> mb|<number> not|<number> s
-2 a chang|a channel|a city|a command|a complet|a day|a fact|a few|a given|a group|a host|a human|a link|a mail|a map
-2 a model|a number|a one|a payment|a plac|a post|a project|a prompt|a record|a repository|a servic|a session|a short
-2 a singl|a specifi|a tabl|a variabl|a wallet|about a|abov the|account that|after <number>|after the|against a
-2 agent should|agr to|all availabl|all fil|all of|all your|allow directory|alway use|an account|an answer|an api
-2 an assistant|an e|an llm|and an|and answer|and can't|and delet|and for|and is|and it|and nam|and point|and sav
-2 and tim|and wait|any tim|approv by|approv it|are check|are drop|are in|are match|are no|are not|are pass|are requir
-2 are round|are several|array of|as <name>|as <number>|as an|as don|as in|as markdown|as set|ask about|ask befor
-2 associat with|back up|bank detail|bank s|be ask|be configur|be delet|be found|be in|be provid|be replac|be switch
-2 be the|becaus it|befor creat|befor de|befor send|befor using|below <number>|between the|by an|by e|by mistak|by nam
-2 call <name>|call after|call fail|call first|call in|can answer|can read|card number|certificat of|chang data
-2 chang to|check against|clipboard and|com back|command lin|configur <name>|configuration is|confirm tru
-2 confirmation prompt|content or|conversation so|count and|credential in|cut an|d <number>|dat are|dat of|data from
-2 data is|data to|default is|delet it|detail for|detail of|display to|do not|doc <number>|document and|document from
-2 document is|don't know|don't put|don't use|drop the|dry run|earlier chat|encrypt with|exampl of|expect a|expect to
-2 explain the|field for|field without|fil chang|fil from|for and|for exampl|for later|for long|for new|for read
-2 for thi|forget the|from <secret>|from to|generat a|get a|get all|get the|giv a|giv you|given the|goe in|goe to
-2 grant you|graphlit knowledg|happen in|has already|has set|hav no|header and|history for|hom assistant|hour and
-2 id from|if not|if one|in iso|in one|in plac|in plain|in second|in your|install a|instead of|instruction for
-2 instruction that|internal ids|is check|is clear|is expect|is given|is pass|is recommend|is return|is stor|is used
-2 is visibl|it also|it back|it can|it if|it ll|it on|it only|it s|key that|key to|key under|kontent ai|least one
-2 lik the|limit of|list for|list what|mad with|mail address|mail to|mak up|map of|mark as|may tak|mean that|messag for
-2 messag to|minor unit|money between|must call|must hav|must not|nam are|nam as|no longer|nod modul|not appli|not been
-2 not call|not follow|not given|not hav|not in|not mak|not notify|not stor|not the|not use|noth els|noth s|now grant
-2 number of|of birth|of it|of one|of row|of their|of tool|off unles|on e|on or|on them|onc at|one or|one who|only and
-2 only onc|only read|only to|only use|open clos|or <number>|or a|or in|or mor|or off|order of|our own|our tool
-2 outsid of|outsid the|over <number>|overrid the|own word|pag it|pair and|pas that|pas to|password are|password is
-2 peopl are|permission for|permission prompt|person has|person in|person to|personal data|plac of|plain text
-2 plain word|pleas don't|point to|post request|prefer it|prefer thi|previou answer|prompt with|protection and|provid a
-2 put in|query are|question in|read writ|reason and|rely on|request with|requir environment|result start|result to
-2 result without|retriev a|return as|return its|return only|return url|review the|right away|row count|rul are
-2 run test|run thi|s an|s configuration|s default|s question|say that|scan a|second or|secret is|see <name>|see a
-2 seed phras|send mail|send to|server has|server was|servic and|session and|session is|shar it|show what|sinc it
-2 so show|start it|stor in|stor with|str contain|sub agent|suggest to|summaris the|sur that|switch off|tak a|tak over
-2 text and|text from|text is|that a|that all|that can|that each|that hav|that look|that need|that out|that receiv
-2 the acces|the amount|the authorization|the channel|the current|the full|the gam|the header|the hour|the instruction
-2 the method|the organisation|the problem|the provider|the reason|the recipient|the report|the row|the sav|the specifi
-2 the target|the task|the tim|the titl|the webhook|the week|the workflow|their phon|their valu|them up|then ask
-2 they do|they hav|they meant|thi first|thing lik|think step|tim from|to an|to check|to complet|to creat|to customer
-2 to find|to fiv|to get|to mak|to one|to reach|to review|to start|today s|token are|token or|too many|tool now
-2 try again|try to|turn a|uniqu identifier|unles you|url in|use a|use it|use when|useful for|user are|user enter
-2 user get|user if|user nam|user or|user past|user pick|user the|user what|using a|valu are|valu is|variabl <name>
-2 virtual machin|wait until|wallet s|want it|we ve|what each|what happen|when noth|when shar|whether they|which cas
-2 which one|who hav|why the|wi fi|with <tag>|with its|work in|work on|workflow is|writ your|you can't|you don't
-2 you get|you re|you shouldn't|your account|your api|zur uck
-3 <name> search|<number> day|<number> or|a csv|a document|a packag|a shell|a summary|a task|a tim|a user|add to
-3 against the|age and|agent to|an earlier|an error|and insert|and you|are an|are hidden|are need|are reject|are shown
-3 are written|as data|as it|ask the|assistant s|at any|at onc|be call|befor <name>|befor they|between <number>|by its
-3 by step|can do|cannot be|carry a|check if|cit the|com first|command in|conversation to|creat an|credential are
-3 default <number>|delet a|encod in|environment variabl|even wher|every call|everyth it|execut a|fail with|fil to
-3 first then|first to|for <number>|for each|for security|for ten|for that|for them|go through|good for|has to|hav to
-3 how to|if it|ignor previou|in <secret>|in full|into a|is chang|is clos|is log|is over|is request|is sent|is set
-3 is shown|iso cod|it has|it when|its id|kept for|know that|knowledg bas|languag of|leav it|leav them|lin that|link to
-3 list all|list of|list the|mail addres|mail as|mention a|mention the|most <number>|new one|not contain|not run
-3 not see|not that|noth was|of dat|of its|on call|one sentenc|only call|or <name>|or has|or other|pas <name>|pas it
-3 pass as|person who|pric and|privat key|question about|read from|refer to|result as|return in|run a|run the|s for
-3 s phon|s sent|s word|secret are|see only|send a|set <name>|should follow|shown in|shown to|sign a|so check|so if
-3 so on|sourc in|step by|text that|that later|the bot|the certificat|the container|the devic|the field|the guest
-3 the history|the json|the kubeconfig|the label|the learner|the merchant|the old|the output|the pictur|the program
-3 the project|the restaurant|the top|their own|them out|them when|they can|they want|they wer|thi befor|through our
-3 through the|to ask|to chang|to do|to that|token and|token has|tool for|tool of|tool to|turn up|typ the|under the
-3 under which|up with|used for|used to|user ask|user befor|user can|user first|user want|user which|user writ|what s
-3 whether to|within the|writ a|writ cod|you call|your reason
-4 <number> a|<number> character|<number> lin|<number> minut|a password|a pull|a sign|a specific|ai assistant
-4 amount and|an addres|an entry|an exist|an hour|and <name>|and <number>|and fix|and tell|any other|are ignor|are mask
-4 are never|are often|are refus|at a|at most|bas on|befor you|blank for|by default|can go|cheapest first|customer is
-4 delet after|doe not|first in|from an|has expir|history of|if they|information about|is kept|just the|mak sur
-4 max <number>|not shown|of thos|off by|one of|one they|peopl in|public key|read it|rewrit the|rul for|s no|sam nam
-4 set by|set up|stack trac|start of|the confirmation|the exact|the limit|the login|the order|the weather|them to
-4 they re|they ve|thi conversation|to <number>|to approv|to invit|to load|to send|to typ|until it|use only|user agent
-4 user and|user for|user in|who ask|with their|without a|you must|you pas|you want|your answer
-5 <name> list|a new|a public|about <number>|add a|an agent|and may|are kept|are list|are mark|by mail|call and
-5 check the|e g|each step|follow instruction|for an|giv it|if you|is refus|it can't|it doesn't|mention it|need a
-5 need the|on thi|only if|out to|read only|say how|say which|see the|start a|tell the|test and|the system|them are
-5 to add|to use|until they|use thi|user know|visibl to|with <name>|you need
-6 and so|as they|can't be|e mail|from <name>|in a|in their|mor than|return the|s own|server s|tell them|that s
-6 the messag|the server|to call|user say|when you
-7 for a|instruction and|look for|read the|show the|such as|the given|use <name>|user has
-8 say so|to a|you d
-9 from a
-12 of a|ther s
"""
